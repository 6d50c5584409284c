"use strict";
// How values are written: in the chosen locale and currency, times in UTC.
const Formats = (() => {
  const NONE = "–";
  const WORDS = {
    met: ["✓ met", "good"], passed: ["✓ passed", "good"], healthy: ["✓ healthy", "good"],
    reached: ["✓ reached", "good"], better: ["✓ better", "good"],
    missed: ["✗ missed", "bad"], failed: ["✗ failed", "bad"], broken: ["✗ broken", "bad"],
    worse: ["✗ worse", "bad"], stale: ["✗ stale", "bad"], held: ["✗ held", "bad"],
  };
  const UNITS = { days: "day", hours: "hour", months: "month", minutes: "minute", milliseconds: "millisecond" };

  function make(locale, currency) {
    const numbers = {};
    const written = (value, options) => {
      const key = JSON.stringify(options);
      numbers[key] ??= new Intl.NumberFormat(locale, options);
      return numbers[key].format(value);
    };
    const digits = (value) => {
      const size = Math.abs(value);
      return size >= 100 || Number.isInteger(value) ? 0 : size >= 1 ? 2 : 4;
    };
    const number = (value) => written(value, { maximumFractionDigits: digits(value) });
    const money = (value) => {
      const amount = value / (currency ? currency.rate : 1);
      const cents = Math.abs(amount) >= 1000 || Number.isInteger(amount) ? 0 : 2;
      const options = currency ? { style: "currency", currency: currency.code } : {};
      return written(amount, { ...options, minimumFractionDigits: cents, maximumFractionDigits: cents });
    };
    const ratio = (value) =>
      written(value, { style: "percent", maximumFractionDigits: Math.abs(value) < 0.1 ? 2 : 1 });
    const day = (value, options) =>
      new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(new Date(value));
    const write = {
      text: String, word: (value) => String(value).replaceAll("_", " "),
      count: (value) => written(value, { maximumFractionDigits: 1 }),
      number, points: number, ratio, money,
      times: (value) => `${number(value)} ×`,
      date: (value) => day(value, { dateStyle: "medium" }),
      month: (value) => day(value, { year: "numeric", month: "short" }),
      time: (value) => day(value, { dateStyle: "medium", timeStyle: "short" }),
      flag: (value) => (value ? "yes" : "no"),
      status: (value) => (WORDS[value] ?? [String(value).replaceAll("_", " ")])[0],
    };
    for (const [kind, unit] of Object.entries(UNITS)) {
      write[kind] = (value) =>
        written(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits(value) });
    }
    // Compared by kind, as rows of one column may have units of their own.
    const format = (kind, value, unit) =>
      value === null || value === undefined ? NONE : (write[kind === "unit" ? unit : kind] ?? String)(value);
    return { format, rate: currency ? currency.rate : 1 };
  }

  const isText = (kind) => ["text", "word", "status", "flag"].includes(kind);
  const mood = (value) => (WORDS[value] ?? [])[1] ?? "open";
  return { make, isText, mood };
})();
