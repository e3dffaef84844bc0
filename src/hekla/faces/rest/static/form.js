// The form that sends a request and shows what comes back.

import { element, visible } from "./elements.js";
import { laidOut, plain } from "./json.js";
import { inWords, quoted } from "./document.js";

// What stands for something else as the key of a row is written with "=" before it.
const RESERVED_KEYS = /^(|=.*|aggregate|import|export|changes|live|batch|search|!null|\.{1,2})$/s;

export class TryForm {
  constructor(description, each, row) {
    this.description = description;
    this.each = each;
    this.filters = description.filters(each, row);
    this.row = row;
    // What the inputs say, as pairs of a name and a value; those of filters come first.
    this.chosen = [];
    this.readers = [];
    this.headers = [];
    this.body = null;
    this.keys = new Map();
    this.address = element("pre", { class: "address" });
    this.copied = element("span", { class: "faint", role: "status" });
    this.answer = element("div", { class: "answer", "aria-live": "polite" });
    this.form = element(
      "form",
      {
        class: "try",
        "aria-label": `Try ${each.operation.summary ?? each.path}`,
        oninput: () => this.#show(),
        onsubmit: (event) => {
          event.preventDefault();
          this.#send(this.#target());
        },
      },
      this.#keyInputs(),
      this.#filterInputs(),
      this.#otherInputs(),
      this.#headerInputs(),
      this.#bodyInput(),
      this.#accept(),
      this.address,
      element(
        "div",
        { class: "actions" },
        element("button", { class: "send" }, "Send"),
        element("button", { type: "button", onclick: () => this.#copy() }, "Copy as curl"),
        this.copied,
      ),
      this.answer,
    );
    this.#show();
  }

  // The inputs

  #keyInputs() {
    const parts = this.each.parameters.filter((parameter) => parameter.in === "path");
    if (!parts.length) return null;
    return this.#group(
      "Key",
      parts.map((parameter) => {
        const input = element("input", { autocomplete: "off", spellcheck: "false" });
        this.keys.set(parameter.name, input);
        return labelled(visible(parameter["x-column"] ?? parameter.name), input);
      }),
    );
  }

  #group(title, inputs) {
    return element(
      "fieldset",
      {},
      element("legend", {}, title),
      element("div", { class: "inputs" }, inputs),
    );
  }

  #filterInputs() {
    if (!this.filters.length) return null;
    const rows = element("div", {});
    const add = () => {
      const row = this.#filterRow();
      rows.append(row);
      row.querySelector("select").focus();
    };
    return element(
      "fieldset",
      {},
      element("legend", {}, "Filters"),
      rows,
      element("button", { type: "button", onclick: add }, "Add a filter"),
    );
  }

  #filterRow() {
    const column = element("select", { "aria-label": "Column" });
    const groups = new Map();
    this.filters.forEach((filter, place) => {
      const option = element("option", { value: String(place) }, visible(filter.column));
      if (!groups.has(filter.group)) {
        const group = filter.group
          ? element("optgroup", { label: visible(filter.group) })
          : column;
        groups.set(filter.group, group);
        if (filter.group) column.append(group);
      }
      groups.get(filter.group).append(option);
    });
    const lookup = element("select", { "aria-label": "Comparison" });
    const slot = element("span", {});
    const chosen = () => this.filters[Number(column.value)]?.lookups[Number(lookup.value)];
    const pickLookup = () => {
      slot.replaceChildren(valueInput(chosen()?.schema, "Value"));
    };
    const pickColumn = () => {
      const lookups = this.filters[Number(column.value)].lookups;
      lookup.replaceChildren(
        ...lookups.map((each, place) =>
          element("option", { value: String(place) }, each.lookup),
        ),
      );
      pickLookup();
    };
    column.addEventListener("change", pickColumn);
    lookup.addEventListener("change", pickLookup);
    pickColumn();
    const reader = () => [[chosen().name, slot.firstChild.value]];
    this.chosen.push(reader);
    const row = element(
      "div",
      { class: "filter" },
      column,
      lookup,
      slot,
      element(
        "button",
        {
          type: "button",
          "aria-label": "Remove this filter",
          onclick: () => {
            this.chosen = this.chosen.filter((other) => other !== reader);
            row.remove();
            this.#show();
          },
        },
        "Remove",
      ),
    );
    for (const select of [column, lookup]) select.addEventListener("change", () => this.#show());
    return row;
  }

  #otherInputs() {
    const names = new Set(
      this.filters.flatMap((filter) => filter.lookups.map((lookup) => lookup.name)),
    );
    const inputs = [];
    for (const parameter of this.each.parameters) {
      if (parameter.in !== "query" || names.has(parameter.name)) continue;
      const schema = this.description.resolve(parameter.schema);
      if (schema.type !== "object") {
        inputs.push(this.#input(parameter.name, schema, schema.maxLength === 0));
      }
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        const resolved = this.description.resolve(property);
        const empty = new RegExp(resolved.pattern ?? "^.", "u").test("");
        inputs.push(this.#input(name, resolved, empty));
      }
    }
    const more = element("input", {
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "name=value&name=value",
    });
    if (this.each.parameters.some((parameter) => parameter.in === "query")) {
      inputs.push(labelled("More parameters, as in an address", more));
      this.readers.push(() => [...new URLSearchParams(more.value)]);
    }
    return inputs.length ? this.#group("Parameters", inputs) : null;
  }

  // What may be written there, for parameters that are not a single value.
  #hint(name, schema) {
    const [first] = this.description.columns(this.row);
    const relations = this.description.relations(this.row);
    switch (name) {
      case "fields":
        return this.description.resolve(schema.items).enum?.slice(0, 2).join(",");
      case "order_by":
        return schema.type === "array" && first ? `-${quoted(first.name)}` : "-count";
      case "include":
        return relations.slice(0, 2).map((relation) => quoted(relation.name)).join(",");
      case "or":
      case "and":
      case "not":
        return "(column=value,…)";
      case "having":
        return "(count__gte=2)";
      case "cursor":
        return "as X-Next-Cursor said";
      default:
        return /^(group_by|count|count_distinct|sum|avg|min|max)$/.test(name) && !schema.enum
          ? "columns"
          : null;
    }
  }

  // A parameter; where an empty value means something, a box says whether it is sent.
  #input(name, schema, empty) {
    const input = valueInput(schema, null, this.#hint(name, schema));
    if (!empty) {
      this.readers.push(() => (input.value === "" ? [] : [[name, input.value]]));
      return labelled(name, input);
    }
    const box = element("input", { type: "checkbox" });
    this.readers.push(() => (box.checked || input.value !== "" ? [[name, input.value]] : []));
    return element(
      "div",
      {},
      labelled(name, input),
      element("label", { class: "faint" }, box, ` ${name} without a value`),
    );
  }

  #headerInputs() {
    const inputs = this.each.parameters
      .filter((parameter) => parameter.in === "header")
      .map((parameter) => {
        const input = valueInput(this.description.resolve(parameter.schema), null, null);
        this.headers.push(() => (input.value === "" ? [] : [[parameter.name, input.value]]));
        return labelled(parameter.name, input);
      });
    return inputs.length ? this.#group("Headers", inputs) : null;
  }

  #bodyInput() {
    const [content] = Object.values(this.each.operation.requestBody?.content ?? {});
    if (!content) return null;
    const sample = JSON.stringify(this.description.sample(content.schema), null, 2);
    this.body = element("textarea", {
      "aria-label": "Body, as JSON",
      rows: String(Math.min(16, sample.split("\n").length + 1)),
      autocomplete: "off",
      spellcheck: "false",
    });
    this.body.value = sample;
    return element("fieldset", {}, element("legend", {}, "Body"), this.body);
  }

  #accept() {
    const success = this.description.resolve(this.each.operation.responses?.["200"]);
    const types = Object.keys(success.content ?? {});
    this.accept = element(
      "select",
      {},
      types.map((type) => element("option", { value: type }, type)),
    );
    return types.length > 1 ? this.#group("Answer", [labelled("Accept", this.accept)]) : null;
  }

  // The request

  #target() {
    const path = this.each.path.replace(/\{([^}]*)\}/g, (_, name) => {
      const value = this.keys.get(name)?.value ?? "";
      return encodeURIComponent(RESERVED_KEYS.test(value) ? `=${value}` : value);
    });
    const query = [...this.chosen, ...this.readers]
      .flatMap((read) => read())
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .join("&");
    return `${this.description.base}${path}${query ? `?${query}` : ""}`;
  }

  #show() {
    this.copied.textContent = "";
    this.address.textContent = `${this.each.method} ${this.#target()}`;
  }

  // Browsers let only pages from https or this machine write to the clipboard.
  async #copy() {
    const url = new URL(this.#target(), window.location.href).href.replaceAll("'", "%27");
    const type = this.accept.value;
    const accept = type && type !== "application/json" ? ` -H ${inShell(`Accept: ${type}`)}` : "";
    const method = this.each.method === "GET" ? "" : ` -X ${this.each.method}`;
    const sent = this.#sent()
      .map(([name, value]) => ` -H ${inShell(`${name}: ${value}`)}`)
      .join("");
    const body = this.body ? ` -d ${inShell(this.body.value)}` : "";
    const command = `curl${method}${accept}${sent}${body} '${url}'`;
    this.address.textContent = command;
    try {
      await navigator.clipboard.writeText(command);
      this.copied.textContent = "Copied.";
    } catch {
      this.copied.textContent = "Copy it from above.";
    }
  }

  // Headers beside Accept.
  #sent() {
    const type = this.body ? [["Content-Type", "application/json"]] : [];
    return [...type, ...this.headers.flatMap((read) => read())];
  }

  async #send(target) {
    this.answer.replaceChildren(element("p", { class: "faint" }, "Sending …"));
    const started = performance.now();
    try {
      const response = await fetch(target, {
        method: this.each.method,
        headers: [["Accept", this.accept.value || "*/*"], ...this.#sent()],
        body: this.body?.value,
      });
      const body = await response.text();
      this.#show_answer(response, body, performance.now() - started);
    } catch (error) {
      this.answer.replaceChildren(
        element("p", { class: "failed", role: "alert" }, `No answer: ${error.message}`),
      );
    }
  }

  #show_answer(response, body, took) {
    const size = new TextEncoder().encode(body).length.toLocaleString("en");
    const json = (response.headers.get("content-type") ?? "").includes("json");
    const headers = [...response.headers].map(([name, value]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)),
    );
    const mark = response.ok ? "good" : "bad";
    this.answer.replaceChildren(
      element(
        "p",
        {},
        element("span", { class: `status ${mark}` }, `${response.status} ${response.statusText}`),
        element("span", { class: "faint" }, ` · ${Math.round(took)} ms · ${size} bytes`),
      ),
      this.#pages(response.headers.get("link") ?? ""),
      element(
        "details",
        {},
        element("summary", {}, "Headers"),
        element("table", { class: "mono" }, element("tbody", {}, headers)),
      ),
      body && (json && !response.headers.get("content-type").includes("ndjson") ? laidOut : plain)(body),
    );
  }

  // Buttons for the pages that the Link header names (RFC 8288).
  #pages(link) {
    const pages = [...link.matchAll(/<([^>]*)>\s*;\s*rel="?(\w+)"?/g)];
    const words = { prev: "Previous page", next: "Next page" };
    return element(
      "div",
      { class: "actions" },
      pages.map(([, target, relation]) =>
        element(
          "button",
          { type: "button", onclick: () => this.#send(target) },
          words[relation] ?? relation,
        ),
      ),
    );
  }
}

// Not more than has to be: an address stays readable.
function encoded(text) {
  return encodeURIComponent(text).replace(/%(2C|3A|28|29|2F|20)/g, (escape) =>
    escape === "%20" ? "%20" : decodeURIComponent(escape),
  );
}

// One word of a command, whatever is in it.
function inShell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function labelled(text, input) {
  return element("label", { class: "field" }, element("span", {}, text), input);
}

function valueInput(schema, label, hint) {
  const named = label ? { "aria-label": label } : {};
  const choices = schema?.enum ?? (schema?.type === "boolean" ? ["true", "false"] : null);
  if (choices) {
    const options = choices.map((choice) => element("option", { value: choice }, choice));
    return element("select", named, label ? null : element("option", { value: "" }, "—"), options);
  }
  return element("input", {
    ...named,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: String(schema?.default ?? hint ?? inWords(schema ?? {})),
    inputmode: schema?.type === "integer" ? "numeric" : null,
  });
}
