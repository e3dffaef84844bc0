// Elements are made here, and text only ever becomes text: no name can be taken for markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value") made.value = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// The little Markdown that descriptions hold: paragraphs, **strong**, `code`.
export function prose(text) {
  return (text ?? "").split(/\n\s*\n/).map((paragraph) => element("p", {}, spans(paragraph)));
}

export function spans(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return element("strong", {}, part.slice(2, -2));
    return part;
  });
}

// A name as it can be seen: control characters as \n or \x07, in quotation marks where it begins
// or ends with a space, or is empty.
export function visible(name) {
  const marked = name.replace(/[\0-\x1f\x7f]/g, (control) => {
    const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[control];
    return short ?? `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return marked !== "" && marked === marked.trim() ? marked : `“${marked}”`;
}

// A table with a head; cells are text or elements, the first of a row is its head.
export function table(heads, rows, kind = null) {
  const head = element("tr", {}, heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) =>
    element(
      "tr",
      {},
      cells.map((cell, place) =>
        element(place ? "td" : "th", place ? {} : { scope: "row" }, cell),
      ),
    ),
  );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.join(", ") },
    element("table", { class: kind }, element("thead", {}, head), element("tbody", {}, body)),
  );
}
