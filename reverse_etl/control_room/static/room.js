"use strict";
// Fills the figures from the page's data, and again whenever a filter is changed. Filters choose
// among rows and never add them up: a number shown is a number that the figure's SQL gives. A row
// without a business is about all of them, and is there whichever is chosen.
(() => {
  const content = JSON.parse(document.getElementById("content-data").textContent);
  const filters = document.querySelector("form.filters");
  const chosen = {};
  const TOTAL = "company";

  const element = (name, given = {}, children = []) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(given)) {
      if (key === "text") made.textContent = value;
      else if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };

  const titled = (key) => key.charAt(0).toUpperCase() + key.slice(1).replaceAll("_", " ");

  // ---- filters -------------------------------------------------------------------------------

  function offer() {
    const verticals = new Set();
    for (const figure of content.figures) {
      const place = figure.columns.findIndex((column) => column.name === "vertical");
      if (place >= 0) figure.rows.forEach((row) => row[place] && verticals.add(row[place]));
    }
    for (const key of [...verticals].sort()) filters.vertical.append(new Option(titled(key), key));
    for (const one of content.currencies) filters.currency.append(new Option(one.code, one.code));
    const given = new URLSearchParams(location.hash.slice(1));
    const fallback = { locale: navigator.language.startsWith("fr") ? "fr-FR" : "en-GB" };
    for (const figure of content.figures) {
      const wanted = given.get(`choose.${figure.key}`);
      const place = figure.columns.findIndex((column) => column.name === figure.choose);
      const row = figure.rows.find((one) => wanted !== null && String(one[place] ?? "") === wanted);
      if (row) chosen[figure.key] = row[place];
    }
    for (const field of filters.elements) {
      const wanted = given.get(field.name) ?? fallback[field.name];
      if ([...field.options].some((option) => option.value === wanted)) field.value = wanted;
    }
    filters.addEventListener("change", show);
    filters.addEventListener("submit", (event) => event.preventDefault());
    // The address holds what is chosen: the link moves the focus without it.
    document.querySelector("a.skip").addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById("content").focus();
    });
  }

  /** What is chosen stays chosen on the next page. */
  function remember() {
    const state = new URLSearchParams();
    for (const field of filters.elements) if (field.value) state.set(field.name, field.value);
    for (const link of document.querySelectorAll("nav a")) link.hash = state.toString();
    for (const [key, option] of Object.entries(chosen)) state.set(`choose.${key}`, option ?? "");
    history.replaceState(null, "", `#${state}`);
  }

  /** The first day of the period. A row of a month has its first day: so many complete months are
      shown, and the running one. */
  function since(months, kind) {
    if (!months || !content.as_of) return "";
    const day = new Date(content.as_of);
    const number = kind === "month" ? 1 : day.getUTCDate();
    day.setUTCDate(1);
    day.setUTCMonth(day.getUTCMonth() - Number(months));
    const last = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
    day.setUTCDate(Math.min(number, last));
    return day.toISOString().slice(0, 10);
  }

  // ---- a figure's rows, as they are chosen and written ------------------------------------------

  function viewOf(figure, formats) {
    const places = new Map(figure.columns.map((column, place) => [column.name, place]));
    const value = (row, name) => row[places.get(name)] ?? null;
    const column = (name) => figure.columns[places.get(name)];
    const text = (row, name) => {
      const kind = column(name).kind;
      return formats.format(kind, value(row, name), kind === "unit" ? value(row, "unit") : null);
    };
    const from = figure.period ? since(filters.period.value, column(figure.period).kind) : "";
    let rows = figure.rows.filter(
      (row) =>
        (!filters.vertical.value || !places.has("vertical") || [filters.vertical.value, null].includes(value(row, "vertical"))) &&
        (!from || (value(row, figure.period) ?? "") >= from),
    );
    const options = figure.choose ? [...new Set(rows.map((row) => value(row, figure.choose)))] : [];
    if (options.length) {
      if (!options.includes(chosen[figure.key])) chosen[figure.key] = options[0];
      rows = rows.filter((row) => value(row, figure.choose) === chosen[figure.key]);
    }
    return { figure, columns: figure.columns, draw: figure.draw, rows, options, value, column, text, formats, locale: filters.locale.value };
  }

  function table(view) {
    // What is chosen above the table is not repeated in each row.
    const above = view.options.length > 1 ? view.figure.choose : null;
    const shown = view.columns.filter((column) => !["unit", above].includes(column.name));
    const head = shown.find((column) => column.kind === "text") ?? shown.find((column) => column.kind === "word");
    const cell = (row, column) => {
      const kind = Formats.isText(column.kind) ? "text" : "digits";
      const mood = column.kind === "status" ? ` ${Formats.mood(view.value(row, column.name))}` : "";
      const given = { className: kind + mood, text: view.text(row, column.name) };
      // What a row is of is read aloud with each of its numbers.
      return column === head ? element("th", { scope: "row", ...given }) : element("td", given);
    };
    const heads = shown.map((column) =>
      element("th", { scope: "col", text: column.label, className: Formats.isText(column.kind) ? "" : "digits" }));
    const rows = view.rows.map((row) => element("tr", {}, shown.map((column) => cell(row, column))));
    return element("div", { className: "table", tabIndex: 0, role: "region", "aria-label": `${view.figure.title}, table` }, [
      element("table", {}, [
        element("caption", { text: view.figure.title }),
        element("thead", {}, [element("tr", {}, heads)]),
        element("tbody", {}, rows),
      ]),
    ]);
  }

  function tiles(view) {
    const groups = new Map();
    for (const row of view.rows) {
      const name = view.draw.series ? view.value(row, view.draw.series) : "";
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    const tile = (row) => {
      const beside = (view.draw.notes ?? [])
        .filter((name) => view.value(row, name) !== null)
        .map((name) => {
          const column = view.column(name);
          const given = view.text(row, name);
          const mood = column.kind === "status" ? ` ${Formats.mood(view.value(row, name))}` : "";
          return element("dd", { className: `beside${mood}`, text: column.kind === "status" ? given : `${column.label} ${given}` });
        });
      return element("div", { className: "tile" }, [
        element("dt", { text: view.text(row, view.draw.label) }),
        element("dd", { className: "value", text: view.text(row, view.draw.value) }),
        ...beside,
      ]);
    };
    return [...groups].flatMap(([name, rows]) => [
      ...(view.draw.series ? [element("h3", { className: "group", text: name === null ? `Without ${view.column(view.draw.series).label.toLowerCase()}` : titled(name) })] : []),
      element("dl", { className: "tiles" }, rows.map(tile)),
    ]);
  }

  function chooser(view) {
    const place = view.column(view.figure.choose);
    const field = element("select", { name: view.figure.key });
    for (const option of view.options) {
      const text = titled(view.formats.format(place.kind, option));
      field.append(new Option(text, option ?? "", false, option === chosen[view.figure.key]));
    }
    field.addEventListener("change", () => {
      chosen[view.figure.key] = view.options[field.selectedIndex];
      remember();
      attempt(view.figure);
      document.querySelector(`#${view.figure.key} select`)?.focus();
    });
    return element("p", {}, [element("label", { className: "choose", text: `${place.label} ` }, [field])]);
  }

  // ---- filling ----------------------------------------------------------------------------------

  let formats;

  function fill(figure) {
    const view = viewOf(figure, formats);
    const section = document.getElementById(figure.key);
    const place = section.querySelector(".figure");
    const isOpen = place.querySelector("details")?.open ?? false;
    place.replaceChildren();
    section.classList.toggle("wide", figure.columns.length > 6 || figure.draw?.kind === "tiles");
    if (!figure.rows.length) {
      const [command, ...when] = figure.missing.split(/(?=,)/);
      place.append(element("p", { className: "missing" }, ["Nothing here yet. It is filled by ", element("code", { text: command }), `${when.join("")}.`]));
      return;
    }
    if (view.options.length > 1) place.append(chooser(view));
    if (!view.rows.length) {
      place.append(element("p", { className: "missing", text: "No row matches the filters." }));
      return;
    }
    if (!figure.draw) {
      place.append(table(view));
    } else if (figure.draw.kind === "tiles") {
      place.append(...tiles(view));
    } else {
      const drawing = element("div", { className: "drawing", role: "img", "aria-label": `${figure.title}; its numbers are in the table below` });
      const numbers = element("details", { open: isOpen }, [element("summary", { text: "Numbers" })]);
      const filled = () => numbers.children.length === 1 && numbers.open && numbers.append(table(view));
      numbers.addEventListener("toggle", filled);
      place.append(drawing, numbers);
      filled();
      if (window.Plotly) Drawing.draw(drawing, view);
    }
    const beyond = figure.left_out.find(([option]) => option === (figure.choose ? chosen[figure.key] : null));
    if (beyond) place.append(element("p", { className: "count", text: `${formats.format("count", beyond[1])} more rows; the SQL below gives all.` }));
  }

  /** One value that cannot be written leaves the other figures as they are. */
  function attempt(figure) {
    try {
      fill(figure);
    } catch (error) {
      console.error(figure.key, error);
      const told = element("p", { className: "missing", text: `This figure cannot be shown: ${error.message}` });
      document.querySelector(`#${figure.key} .figure`).replaceChildren(told);
    }
  }

  function show() {
    const currency = content.currencies.find((one) => one.code === filters.currency.value);
    formats = Formats.make(filters.locale.value, currency);
    const converted = document.getElementById("converted");
    if (converted) {
      converted.textContent = currency && !currency.is_base
        ? `Amounts at ${formats.format("number", 1 / currency.rate)} ${currency.code} for one ${content.currencies[0].code}, the rate of that day.` : "";
    }
    for (const time of document.querySelectorAll("time")) time.textContent = `${formats.format("time", time.dateTime)} UTC`;
    content.figures.forEach(attempt);
    remember();
    const filled = content.figures.filter((figure) => !document.querySelector(`#${figure.key} .figure > .missing`));
    document.getElementById("told").textContent = `${filled.length} of ${content.figures.length} figures have rows for these filters.`;
  }

  // The address of a figure, in place of filters.
  const wanted = location.hash.includes("=") ? null : document.getElementById(location.hash.slice(1));
  offer();
  show();
  wanted?.scrollIntoView();
  // Texts and tables are there before the large script is; drawings follow.
  if (!window.Plotly) addEventListener("load", show, { once: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
})();
