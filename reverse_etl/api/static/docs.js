// Shows the OpenAPI document beside this page: paths, who may ask them, parameters, answers.
"use strict";

function element(name, text, children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const child of children || []) made.append(child);
  return made;
}

function code(text) {
  return element("code", text);
}

function resolve(schema, all) {
  if (!schema || !schema.$ref) return schema || {};
  return all[schema.$ref.split("/").pop()] || {};
}

function kind(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if ("const" in schema) return String(schema.const);
  if (schema.type === "array") return "list of " + kind(schema.items);
  return schema.format ? `${schema.type} (${schema.format})` : schema.type || "any";
}

function bounds(schema) {
  const one = (schema.anyOf || [schema])[0];
  const told = [];
  if ("minimum" in one) told.push(`at least ${one.minimum}`);
  if ("exclusiveMinimum" in one) told.push(`over ${one.exclusiveMinimum}`);
  if ("maximum" in one) told.push(`at most ${one.maximum}`);
  if ("default" in schema && schema.default !== null) told.push(`else ${schema.default}`);
  return told.join(", ");
}

function table(label, heads, rows) {
  const head = element("tr", "", heads.map((text) => element("th", text)));
  for (const cell of head.children) cell.scope = "col";
  const body = rows.map((row) => element("tr", "", row.map((cell) => {
    const made = element("td");
    made.append(cell);
    return made;
  })));
  const made = element("div", "", [
    element("table", "", [element("thead", "", [head]), element("tbody", "", body)]),
  ]);
  made.className = "scrolls";
  made.tabIndex = 0; // so that the keyboard can scroll it
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", label);
  return made;
}

function parameters(path, listed) {
  if (!listed || !listed.length) return element("p", "No parameters.");
  return table(`Parameters of ${path}`, ["Parameter", "Where", "Value", "Meaning"], listed.map((one) => [
    code(one.name), one.required ? `${one.in}, required` : one.in,
    [kind(one.schema), bounds(one.schema)].filter(Boolean).join("; "),
    one.description || one.schema.description || "",
  ]));
}

function fields(label, schema, all, seen) {
  const known = resolve(schema, all);
  const parts = [];
  const rows = Object.entries(known.properties || {}).map(([name, one]) => {
    return [code(name), kind(one), one.description || ""];
  });
  if (rows.length) parts.push(table(label, ["Field", "Value", "Meaning"], rows));
  for (const one of Object.values(known.properties || {})) {
    for (const inner of [one, one.items, ...(one.anyOf || [])]) {
      const name = inner && inner.$ref && inner.$ref.split("/").pop();
      if (!name || seen.has(name)) continue;
      seen.add(name);
      parts.push(element("h3", name), ...fields(`${label}: ${name}`, inner, all, seen));
    }
  }
  return parts;
}

function answers(path, responses, all) {
  const rows = Object.entries(responses).map(([status, one]) => [code(status), one.description]);
  const parts = [table(`Answers of ${path}`, ["Answer", "When"], rows)];
  const good = responses["200"] && responses["200"].content;
  if (good) {
    const schema = good["application/json"].schema;
    const shown = fields(`Fields of ${path}`, schema, all, new Set());
    parts.push(element("details", "", [element("summary", "Fields of the answer"), ...shown]));
  }
  return parts;
}

// A long path may break before its slashes.
function broken(path) {
  return path.split(/(?=\/)/).flatMap((part) => [document.createElement("wbr"), part]);
}

function operation(path, one, all) {
  const made = element("article", "", [
    element("h2", `GET ${path}`),
    ...(one.description || "").split("\n\n").map((text) => element("p", text)),
    element("p", `Roles: ${(one["x-roles"] || []).join(", ")}`),
    parameters(path, one.parameters),
    ...answers(path, one.responses, all),
  ]);
  made.id = path;
  return made;
}

async function show() {
  const place = document.getElementById("operations");
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(answer.status);
  const read = await answer.json();
  document.getElementById("about").textContent = read.info.description;
  place.textContent = "";
  for (const [path, one] of Object.entries(read.paths)) {
    const link = element("a");
    link.append(...broken(path));
    link.href = `#${path}`;
    document.getElementById("paths").append(element("li", "", [link]));
    place.append(operation(path, one.get, read.components.schemas));
  }
}

show().catch((error) => {
  document.getElementById("operations").textContent = `The document cannot be read: ${error.message}`;
});
