"use strict";
// What Plotly is given for a figure's rows. Colours are Okabe and Ito's, told apart by any eye, and
// that of the text in place of their black; their yellow is too pale on white. A pattern, or a dash
// and a mark, goes with each: as their number differs, no two series are drawn alike.
const Drawing = (() => {
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
  const PATTERNS = ["", "/", ".", "x", "-", "\\", "|", "+"];
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
  const MARKS = ["circle", "square", "diamond", "cross", "x", "triangle-up"];
  // Plotly reads markup in its texts; what comes from data stays text.
  const plain = (text) =>
    String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function layout(view) {
    const line = { gridcolor: colour("--line"), zerolinecolor: colour("--line"), automargin: true };
    return {
      font: { family: "system-ui, sans-serif", size: 12, color: colour("--text") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 48, r: 8, t: 8, b: 36 }, showlegend: false, hovermode: "closest",
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      separators: view.locale === "fr-FR" ? ", " : ".,",
      xaxis: { ...line }, yaxis: { ...line }, colorway: [...COLOURS, colour("--text")],
      hoverlabel: { bgcolor: colour("--raised"), font: { color: colour("--text") } },
    };
  }

  function axis(view, name) {
    const column = view.column(name);
    const title = { title: { text: plain(column.label), standoff: 6 } };
    const units = new Set(column.kind === "unit" ? view.rows.map((row) => view.value(row, "unit")) : [column.kind]);
    if (units.size === 1 && units.has("ratio")) return { ...title, ticksuffix: view.locale === "fr-FR" ? "\u202f%" : "%" };
    if (Formats.isText(column.kind)) {
      // In the order of the rows, and not of the traces that they are in.
      const categoryarray = [...new Set(view.rows.map((row) => drawn(view, row, name)))];
      return { ...title, type: "category", categoryorder: "array", categoryarray };
    }
    const times = new Set(view.rows.map((row) => view.value(row, name))).size;
    // Plotly shows a single day, or time, in milliseconds.
    if (times === 1 && ["date", "month", "time"].includes(column.kind)) {
      const [row] = view.rows;
      return { ...title, type: "category", tickmode: "array", tickvals: [drawn(view, row, name)], ticktext: [plain(view.text(row, name))] };
    }
    if (column.kind === "month") return { ...title, tickformat: "%b %Y", ...(times <= 6 ? { dtick: "M1" } : {}) };
    return title;
  }

  // Amounts are drawn in the chosen currency, and shares in per cent, as they are written.
  const drawn = (view, row, name) => {
    const column = view.column(name);
    const value = view.value(row, name);
    if (value === null) return null;
    const unit = column.kind === "unit" ? view.value(row, "unit") : column.kind;
    if (unit === "money") return value / view.formats.rate;
    // In per cent, as Plotly's own format for shares is English.
    if (unit === "ratio") return value * 100;
    return Formats.isText(column.kind) ? plain(view.text(row, name)) : value;
  };

  // Long names take several lines, fewer characters each where there is little room.
  function wrapped(names, width) {
    const most = width < 600 ? 18 : 40;
    const broken = (name) => {
      const lines = [""];
      for (const word of String(name).split(" ")) {
        const line = lines.at(-1);
        if (line && line.length + word.length >= most) lines.push(word);
        else lines[lines.length - 1] = line ? `${line} ${word}` : word;
      }
      return lines.join("<br>");
    };
    const ticktext = names.map(broken);
    const lines = Math.max(...ticktext.map((text) => text.split("<br>").length));
    return { axis: { tickmode: "array", tickvals: names, ticktext }, height: Math.max(28, lines * 15 + 6) };
  }

  function traces(view, make) {
    const groups = new Map();
    for (const row of view.rows) {
      const name = view.draw.series ? view.text(row, view.draw.series) : "";
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    return [...groups].map(([name, rows], number) => ({ name: plain(name), ...make(rows, number) }));
  }

  function hover(view, row) {
    return view.columns
      .filter((column) => view.value(row, column.name) !== null && column.name !== "unit")
      .map((column) => `${plain(column.label)}: ${plain(view.text(row, column.name))}`)
      .slice(0, 9)
      .join("<br>");
  }

  function spread(view, rows, axisName) {
    if (!view.draw.low) return {};
    const between = (row, from, to) => {
      const [start, end] = [drawn(view, row, from), drawn(view, row, to)];
      return start === null || end === null ? undefined : end - start;
    };
    return {
      type: "data", symmetric: false, thickness: 1, width: 3,
      array: rows.map((row) => between(row, axisName, view.draw.high)),
      arrayminus: rows.map((row) => between(row, view.draw.low, axisName)),
    };
  }

  function lines(view) {
    const { x, y } = view.draw;
    const data = traces(view, (rows, number) => ({
      type: "scatter", mode: "lines+markers",
      x: rows.map((row) => drawn(view, row, x)), y: rows.map((row) => drawn(view, row, y)),
      text: rows.map((row) => hover(view, row)), hovertemplate: "%{text}<extra></extra>",
      line: { dash: DASHES[number % DASHES.length], width: 2 },
      marker: { symbol: MARKS[number % MARKS.length], size: 5 },
      ...(view.draw.low ? { error_y: spread(view, rows, y) } : {}),
    }));
    return { data, layout: { xaxis: axis(view, x), yaxis: axis(view, y), showlegend: data.length > 1 } };
  }

  function calibration(view) {
    const made = lines(view);
    const most = Math.max(1, ...made.data.flatMap((one) => [...one.x, ...one.y]));
    made.data.unshift({
      type: "scatter", mode: "lines", x: [0, most], y: [0, most], name: "as predicted", hoverinfo: "skip",
      line: { color: colour("--soft"), dash: "dot", width: 1 },
    });
    made.layout.showlegend = true;
    return made;
  }

  function bars(view, width) {
    const { x, y, horizontal } = view.draw;
    const [first, second] = horizontal ? [y, x] : [x, y];
    const data = traces(view, (rows, number) => ({
      type: "bar", orientation: horizontal ? "h" : "v",
      marker: { pattern: { shape: PATTERNS[number % PATTERNS.length], fillmode: "overlay", fgcolor: colour("--ground"), size: 7, solidity: 0.3 } },
      x: rows.map((row) => drawn(view, row, first)), y: rows.map((row) => drawn(view, row, second)),
      hovertext: rows.map((row) => hover(view, row)), hovertemplate: "%{hovertext}<extra></extra>",
      ...(view.draw.low ? { [horizontal ? "error_x" : "error_y"]: { ...spread(view, rows, y), color: colour("--text") } } : {}),
    }));
    const names = [...new Set(view.rows.map((row) => drawn(view, row, x)))];
    const made = {
      barmode: view.draw.stacked ? "relative" : "group", showlegend: data.length > 1,
      xaxis: axis(view, first), yaxis: axis(view, second),
    };
    if (horizontal) {
      const named = wrapped(names, width);
      Object.assign(made.yaxis, { autorange: "reversed", title: "", ...named.axis });
      made.height = Math.max(320, names.length * named.height * (view.draw.stacked ? 1 : Math.max(1, data.length * 0.6)) + 90);
    }
    return { data, layout: made };
  }

  function heatmap(view, width) {
    const { x, y, value } = view.draw;
    const unique = (name) => [...new Set(view.rows.map((row) => view.text(row, name)))];
    const down = unique(y);
    // Where rows and columns are the same things, they are in the same order.
    const found = unique(x);
    const isSquare = found.length === down.length && found.every((name) => down.includes(name));
    const across = isSquare ? down : found;
    const cells = new Map(view.rows.map((row) => [`${view.text(row, y)}\n${view.text(row, x)}`, row]));
    const each = (given) => down.map((one) => across.map((other) => given(cells.get(`${one}\n${other}`))));
    const named = wrapped(down.map(plain), width);
    // Names below that do not fit in a line stand on end.
    const [cell, longest] = [(width - 140) / across.length, Math.max(...across.map((name) => name.length)) * 7];
    const height = Math.max(320, down.length * named.height + (cell < longest ? longest : 0) + 70);
    const data = [{
      type: "heatmap", x: across.map(plain), y: down.map(plain),
      colorscale: [[0, colour("--raised")], [1, colour("--tint")]],
      z: each((row) => (row ? drawn(view, row, value) : null)),
      text: each((row) => (row ? plain(view.text(row, value)) : "")),
      // Written where a cell has room for it.
      texttemplate: cell < 34 ? "" : "%{text}", textfont: { color: colour("--text") },
      hovertext: each((row) => (row ? hover(view, row) : "")), hovertemplate: "%{hovertext}<extra></extra>",
      showscale: false, xgap: 1, ygap: 1,
    }];
    return { data, layout: { height, xaxis: { type: "category", title: "", showgrid: false }, yaxis: { type: "category", autorange: "reversed", showgrid: false, ...named.axis } } };
  }

  const graph = (view, width) => Graph.make(view, width, { colour, plain });

  const KINDS = { lines, bars, heatmap, graph, calibration };

  /** Plotly's name of a locale whose names of months and days it has been told. */
  function named(locale) {
    const names = (count, options, from) =>
      Array.from({ length: count }, (_, place) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(from(place)));
    const months = (month) => names(12, { month }, (place) => Date.UTC(2023, place, 1));
    // The first of January 2023 was a Sunday.
    const days = (weekday) => names(7, { weekday }, (place) => Date.UTC(2023, 0, 1 + place));
    Plotly.register({
      moduleType: "locale", name: locale.toLowerCase(), dictionary: {},
      format: { months: months("long"), shortMonths: months("short"), days: days("long"), shortDays: days("short") },
    });
    return locale.toLowerCase();
  }

  function draw(element, view) {
    const made = KINDS[view.draw.kind](view, element.clientWidth);
    const base = layout(view);
    const given = { ...base, ...made.layout };
    for (const name of ["xaxis", "yaxis"]) given[name] = { ...base[name], ...(made.layout[name] ?? {}) };
    // Where a legend has a line for each of its names, it takes the room of the drawing.
    const isNarrow = element.clientWidth < 500;
    if (given.showlegend && isNarrow) given.height = (given.height ?? 320) + 19 * made.data.length;
    return Plotly.react(element, made.data, given, { displaylogo: false, responsive: true, displayModeBar: false, locale: named(view.locale) });
  }

  return { draw };
})();
