"use strict";
// A graph drawn from top to bottom: each node below all that lead to it. Edges that pass a layer
// get a place of their own in it, so that no edge runs behind a box.
const Graph = (() => {
  const LAYER = 118;
  const LINE = 14.3;
  const BOX = 124;
  const LETTERS = 16;

  /** Of each edge [from, to], whether it leads back to a node that it comes from. */
  function backward(edges) {
    const after = new Map();
    edges.forEach(([from, to], number) => after.set(from, [...(after.get(from) ?? []), [to, number]]));
    const back = new Set();
    const done = new Set();
    const visit = (node, path) => {
      if (done.has(node)) return;
      for (const [to, number] of after.get(node) ?? []) {
        if (to === node || path.has(to)) back.add(number);
        else visit(to, new Set([...path, to]));
      }
      done.add(node);
    };
    for (const [from] of edges) visit(from, new Set([from]));
    return back;
  }

  function depths(names, edges, back) {
    const depth = new Map(names.map((name) => [name, 0]));
    for (let round = 0; round < names.length; round += 1) {
      edges.forEach(([from, to], number) => {
        if (!back.has(number)) depth.set(to, Math.max(depth.get(to), depth.get(from) + 1));
      });
    }
    return depth;
  }

  /** Places by name (x from 0 to 1, y in pixels), and the points that each edge passes. */
  function places(names, edges) {
    const back = backward(edges);
    const depth = depths(names, edges, back);
    const layers = [];
    const put = (key, level, parents) => (layers[level] ??= []).push({ key, parents });
    for (const name of names) {
      put(name, depth.get(name), edges.filter(([, to], number) => to === name && !back.has(number)).map(([from]) => from));
    }
    const passed = edges.map(([from, to]) => {
      const [first, last] = [depth.get(from), depth.get(to)].sort((one, other) => one - other);
      const keys = [];
      for (let level = first + 1; level < last; level += 1) {
        const key = `${from}\n${to}\n${level}`;
        put(key, level, [keys.at(-1) ?? from]);
        keys.push(key);
      }
      return depth.get(from) <= depth.get(to) ? keys : keys.reverse();
    });
    const weight = (key) => (depth.has(key) ? 1 : 0.4);
    const at = new Map();
    layers.forEach((layer, level) => {
      const mean = (one) => {
        const known = one.parents.filter((parent) => at.has(parent)).map((parent) => at.get(parent).x);
        return known.length ? known.reduce((sum, x) => sum + x, 0) / known.length : 0.5;
      };
      const sorted = layer.map((one) => [mean(one), one.key]).sort((one, other) => one[0] - other[0]);
      const total = sorted.reduce((sum, [, key]) => sum + weight(key), 0);
      let before = 0;
      for (const [, key] of sorted) {
        at.set(key, { x: (before + weight(key) / 2) / total, y: (level + 0.5) * LAYER });
        before += weight(key);
      }
    });
    const most = Math.max(...layers.map((layer) => layer.reduce((sum, one) => sum + weight(one.key), 0)));
    // A way back to the layer above would lie on the way down.
    edges.forEach(([from, to], number) => {
      if (!back.has(number) || passed[number].length) return;
      const [begin, end] = [at.get(from), at.get(to)];
      const key = `${from}\n${to}\nback`;
      at.set(key, { x: Math.min(0.97, Math.max(begin.x, end.x) + 0.15), y: (begin.y + end.y) / 2 });
      passed[number] = [key];
    });
    return { at, passed, height: layers.length * LAYER, width: most * BOX };
  }

  /** Words in lines of few letters, as boxes are narrow on a telephone. */
  function wrapped(text) {
    const lines = [];
    for (const word of text.split(" ")) {
      const last = lines.at(-1);
      if (last !== undefined && `${last} ${word}`.length <= LETTERS) lines[lines.length - 1] += ` ${word}`;
      else lines.push(word);
    }
    return lines.join("<br>");
  }

  /** What stands in a box: the name, and the notes of an edge that leads to it. */
  function box(view, name, plain) {
    const row = view.rows.find((one) => view.text(one, view.draw.y) === name);
    const beside = (row ? view.draw.notes ?? [] : [])
      .filter((note) => view.value(row, note) !== null)
      .map((note) => {
        const column = view.column(note);
        const text = view.text(row, note);
        return plain(Formats.isText(column.kind) ? text : `${text} ${column.label.toLowerCase()}`);
      });
    return [`<b>${wrapped(plain(name))}</b>`, ...beside].join("<br>");
  }

  /** ``draw.value`` of each edge from ``x`` to ``y``, ``label`` on it; ``notes`` tell of ``y``. A
      graph that needs more pixels than there is room is wider, and scrolls. */
  function make(view, room, { colour, plain }) {
    const { x, y, value, label } = view.draw;
    const names = [...new Set(view.rows.flatMap((row) => [view.text(row, x), view.text(row, y)]))];
    const edges = view.rows.map((row) => [view.text(row, x), view.text(row, y)]);
    const { at, passed, height, width } = places(names, edges);
    const boxes = new Map(names.map((name) => [name, box(view, name, plain)]));
    const half = (name) => (boxes.get(name).split("<br>").length * LINE) / 2 + 5;
    const most = Math.max(1, ...view.rows.map((row) => view.value(row, value) ?? 0));
    const shapes = [];
    const annotations = [];
    view.rows.forEach((row, number) => {
      const [begin, target] = edges[number];
      const [from, to] = [at.get(begin), at.get(target)];
      const down = to.y >= from.y ? 1 : -1;
      const points = [
        { x: from.x, y: from.y + down * half(begin) }, ...passed[number].map((key) => at.get(key)), { x: to.x, y: to.y - down * half(target) },
      ];
      const count = view.value(row, value) ?? 0;
      const line = { color: colour(count ? "--link" : "--soft"), width: count ? 1 + 4 * Math.sqrt(count / most) : 1, dash: count ? "solid" : "dot" };
      shapes.push({ type: "path", layer: "below", line, path: `M ${points.map((point) => `${point.x},${point.y}`).join(" L ")}` });
      const [before, end] = points.slice(-2);
      annotations.push({
        x: end.x, y: end.y, ax: before.x + (end.x - before.x) * 0.8, ay: before.y + (end.y - before.y) * 0.8,
        xref: "x", yref: "y", axref: "x", ayref: "y", text: "", showarrow: true, arrowhead: 2, arrowcolor: line.color, arrowwidth: 1.2,
      });
      const outcome = label && view.value(row, label) !== null ? ` ${view.text(row, label)}` : "";
      const along = begin === target ? 1 : 0.5;
      annotations.push({
        x: points[0].x + (points[1].x - points[0].x) * along, y: points[0].y + (points[1].y - points[0].y) * along,
        text: plain(`${view.text(row, value)}${outcome}`), showarrow: false, font: { size: 11 }, bgcolor: colour("--ground"), borderpad: 1,
      });
    });
    for (const name of names) {
      annotations.push({
        ...at.get(name), text: boxes.get(name), showarrow: false,
        font: { size: 11 }, bgcolor: colour("--raised"), bordercolor: colour("--line"), borderpad: 4,
      });
    }
    const hidden = { visible: false, fixedrange: true };
    return {
      data: [{ type: "scatter", x: [0.5], y: [0], mode: "markers", marker: { opacity: 0 }, hoverinfo: "skip" }],
      layout: {
        height, ...(width > room ? { width } : {}), shapes, annotations, margin: { l: 0, r: 0, t: 0, b: 0 },
        xaxis: { ...hidden, range: [0, 1] }, yaxis: { ...hidden, range: [height, 0] },
      },
    };
  }

  return { make };
})();
