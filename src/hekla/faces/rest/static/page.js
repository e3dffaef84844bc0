// The reference page: fetches the OpenAPI document and shows one resource at a time.

import { Description, inWords } from "./document.js";
import { element, prose, spans, table, visible } from "./elements.js";
import { TryForm } from "./form.js";

const main = document.querySelector("main");
const list = document.querySelector("#resources");
const find = document.querySelector("#find");

let description = null;

function addressOf(name) {
  return `#/${encodeURIComponent(name)}`;
}

function named() {
  try {
    return decodeURIComponent(window.location.hash.slice(2));
  } catch {
    return "";
  }
}

// The sidebar

function fillSidebar() {
  const entries = [["Overview", "#"], ...description.resources.map((tag) => [tag.name, addressOf(tag.name)])];
  list.replaceChildren(
    ...entries.map(([name, address]) =>
      element("li", {}, element("a", { href: address }, visible(name))),
    ),
  );
}

function markCurrent() {
  const address = named() ? addressOf(named()) : "#";
  for (const link of list.querySelectorAll("a")) {
    const current = link.getAttribute("href") === address;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (current) link.scrollIntoView({ block: "nearest" });
  }
}

function narrow() {
  const wanted = find.value.trim().toLowerCase();
  let shown = 0;
  for (const entry of list.children) {
    entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
    shown += entry.hidden ? 0 : 1;
  }
  document.querySelector("#found").textContent = wanted ? `${shown} found` : "";
}

// The pages

function overview() {
  const { info } = description.document;
  return [
    element("h1", { tabindex: "-1" }, info.title),
    element(
      "p",
      { class: "faint" },
      `Version ${info.version}, ${description.resources.length} resources`,
    ),
    element("div", { class: "guide" }, prose(info.description)),
    element("h2", {}, "The application itself"),
    description.services.flatMap((tag) =>
      tag.operations.map((each) => operation(each, { properties: {} })),
    ),
  ].flat();
}

function resource(tag) {
  const row = description.rowOf(tag);
  return [
    element("h1", { tabindex: "-1" }, visible(tag.name)),
    prose(tag.description),
    columns(tag, row),
    relations(row),
    tag.operations.map((each) => operation(each, row)),
  ].flat(2);
}

function columns(tag, row) {
  const key = new Set(
    tag.operations.flatMap((each) =>
      each.parameters
        .filter((parameter) => parameter.in === "path")
        .map((parameter) => parameter["x-column"] ?? parameter.name),
    ),
  );
  const filters = new Map(
    tag.operations
      .flatMap((each) => description.filters(each, row))
      .filter((filter) => !filter.group)
      .map((filter) => [filter.column, filter.lookups]),
  );
  const found = description.columns(row).map((column) => ({ ...column, ...described(column.schema) }));
  const shared = sharedNotes(found);
  const rows = found.map(({ name, words, note }) => [
    [
      element("code", {}, visible(name)),
      ...(key.has(name) ? [" ", element("span", { class: "key" }, "key")] : []),
    ],
    [words, remark(note, shared)],
    (filters.get(name) ?? []).flatMap(({ lookup, name: written }) => [
      element("span", { class: "lookup", title: written }, lookup),
      " ",
    ]),
  ]);
  return element(
    "section",
    {},
    element("h2", {}, "Columns"),
    tabular(["Column", "Value", "Filters"], rows, "columns"),
    shared.length ? element("ol", { class: "notes" }, shared.map((note) => element("li", {}, note))) : [],
  );
}

// What values a column has: its schema in words, and what else its description says.
function described(schema) {
  const note = schema.description ?? "";
  const declared = /^Declared as ([^;]+); (.)(.*)$/s.exec(note);
  if (!declared) return { words: inWords(schema), note };
  return { words: declared[1], note: declared[2].toUpperCase() + declared[3] };
}

// What is said of more columns than one stands once, below the table.
function sharedNotes(found) {
  const times = new Map();
  for (const { note } of found) times.set(note, (times.get(note) ?? 0) + 1);
  return [...times].filter(([note, count]) => note && count > 1).map(([note]) => note);
}

function remark(note, shared) {
  const number = shared.indexOf(note) + 1;
  if (number) return element("sup", { title: note }, String(number));
  return note ? element("div", { class: "faint" }, note) : "";
}

// As table(), but a cell may hold several elements.
function tabular(heads, rows, kind) {
  return table(heads, rows.map((cells) => cells.map((cell) => fragment(cell))), kind);
}

function fragment(cell) {
  const made = document.createDocumentFragment();
  made.append(...[cell].flat());
  return made;
}

function relations(row) {
  const found = description.relations(row);
  if (!found.length) return null;
  const rows = found.map((relation) => {
    const target = description.resources.find(
      (tag) => description.rowOf(tag) && rowReference(tag) === relation.$ref,
    );
    const name = target?.name ?? relation.$ref.split("/").pop();
    return [
      element("code", {}, visible(relation.name)),
      target ? element("a", { href: addressOf(name) }, visible(name)) : name,
      relation.many ? "many" : "one",
    ];
  });
  return element(
    "section",
    {},
    element("h2", {}, "Relations"),
    table(["Relation", "Leads to", "Rows"], rows, "relations"),
  );
}

function rowReference(tag) {
  for (const each of tag.operations) {
    const schema = description.resolve(each.operation.responses["200"]).content?.["application/json"]?.schema;
    const reference = schema?.$ref ?? schema?.items?.$ref;
    if (reference) return reference;
  }
  return null;
}

function operation(each, row) {
  const { operation: described } = each;
  const body = element("div", { class: "body" });
  const form = element("div", {});
  const opened = element(
    "details",
    {
      ontoggle: () => {
        // Made when it is wanted: a wide table has a thousand filters.
        if (opened.open && !form.firstChild) form.append(new TryForm(description, each, row).form);
      },
    },
    element("summary", {}, "Try it"),
    form,
  );
  body.append(
    ...(described.description ? prose(described.description) : []),
    ...[parameters(each, row), fieldsOf(each), answers(described)].filter(Boolean),
    opened,
  );
  return element(
    "section",
    { class: "operation", id: described.operationId },
    element(
      "header",
      {},
      element("h2", {}, element("span", { class: `method ${each.method.toLowerCase()}` }, each.method), ` ${description.base}${each.path}`),
      element("span", { class: "faint" }, described.summary ?? ""),
    ),
    body,
  );
}

function parameters(each, row) {
  const filters = description.filters(each, row);
  const names = new Set(filters.flatMap((filter) => filter.lookups.map(({ name }) => name)));
  const rows = [];
  for (const parameter of each.parameters) {
    if (names.has(parameter.name)) continue;
    const schema = description.resolve(parameter.schema);
    const words = spans(parameter.description ?? "");
    if (schema.properties) {
      for (const [name, property] of Object.entries(schema.properties)) {
        rows.push([element("code", {}, name), inWords(description.resolve(property)), words]);
      }
    } else if (!schema.patternProperties) {
      rows.push([element("code", {}, parameter.name), limits(schema), words]);
    }
  }
  const own = filters.filter((filter) => !filter.group).length;
  const through = [...new Set(filters.map((filter) => filter.group).filter(Boolean))];
  const note = filters.length
    ? element(
        "p",
        {},
        `Filters by ${own} columns, in every way that stands beside them above`,
        through.length ? `, and through ${through.join(", ")}` : "",
        ".",
      )
    : null;
  if (!rows.length && !note) return null;
  return element(
    "details",
    {},
    element("summary", {}, "Parameters"),
    note,
    rows.length ? tabular(["Parameter", "Value", "Meaning"], rows, "parameters") : null,
  );
}

// What a document may hold.
function fieldsOf(each) {
  const schema = description.documentOf(each);
  if (!schema) return null;
  const needed = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, property]) => {
    const resolved = description.resolve(property);
    const mark = needed.has(name) ? [" ", element("span", { class: "key" }, "required")] : [];
    return [
      [element("code", {}, visible(name)), ...mark],
      limits(resolved),
      spans(resolved.description ?? ""),
    ];
  });
  return element(
    "details",
    {},
    element("summary", {}, "Document"),
    tabular(["Field", "Value", "Meaning"], rows, "parameters"),
  );
}

function limits(schema) {
  const bounds = [
    schema.type === "array" ? `list of ${inWords(description.resolve(schema.items))}` : inWords(schema),
    schema.minimum !== undefined && Math.abs(schema.minimum) < 1e15 ? `at least ${schema.minimum}` : null,
    schema.maximum !== undefined && schema.maximum < 1e15 ? `at most ${schema.maximum}` : null,
    schema.default !== undefined ? `${schema.default} by default` : null,
    schema.maxLength ? `at most ${schema.maxLength} characters` : null,
  ];
  return bounds.filter(Boolean).join(", ");
}

function answers(described) {
  const rows = Object.entries(described.responses ?? {}).map(([status, response]) => {
    const resolved = description.resolve(response);
    const content = Object.keys(resolved.content ?? {}).join(", ");
    return [status, spans(resolved.description ?? ""), element("span", { class: "mono" }, content)];
  });
  return element(
    "details",
    {},
    element("summary", {}, "Answers"),
    tabular(["Status", "Meaning", "Form"], rows, "answers"),
  );
}

// What is shown follows the address

function show({ focus = true } = {}) {
  const tag = description.resources.find((each) => each.name === named());
  main.replaceChildren(...(tag ? resource(tag) : overview()).filter(Boolean));
  document.title = tag ? `${visible(tag.name)} · ${description.document.info.title}` : description.document.info.title;
  markCurrent();
  if (focus) {
    window.scrollTo(0, 0);
    main.querySelector("h1").focus({ preventScroll: true });
  }
}

try {
  const response = await fetch(document.body.dataset.document);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  description = new Description(await response.json());
  fillSidebar();
  show({ focus: false });
  window.addEventListener("hashchange", () => show());
  find.addEventListener("input", narrow);
} catch (error) {
  main.replaceChildren(
    element("h1", {}, "The description could not be read"),
    element("p", { class: "failed", role: "alert" }, error.message),
  );
}
