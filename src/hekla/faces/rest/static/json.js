// Lays JSON out without reading it: numbers and keys stay as the server wrote them.

import { element } from "./elements.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[[\]{},:]|[^\s]/g;

// A page must stay quick; what is longer is cut, and said to be.
const MOST = 200_000;

export function laidOut(text) {
  const made = element("pre", { tabindex: "0", "aria-label": "The body of the answer" });
  const shown = text.length > MOST ? text.slice(0, MOST) : text;
  const tokens = shown.match(TOKEN) ?? [];
  let depth = 0;
  tokens.forEach((token, place) => {
    const next = tokens[place + 1];
    if (token === "{" || token === "[") {
      if (next === "}" || next === "]") return void made.append(token);
      depth += 1;
      made.append(token, line(depth));
    } else if (token === "}" || token === "]") {
      const before = tokens[place - 1];
      if (before === "{" || before === "[") return void made.append(token);
      depth -= 1;
      made.append(line(depth), token);
    } else if (token === ",") {
      made.append(token, line(depth));
    } else if (token === ":") {
      made.append(": ");
    } else {
      made.append(element("span", { class: kind(token, next) }, token));
    }
  });
  if (shown !== text) made.append(`\n… ${text.length - MOST} more characters`);
  return made;
}

export function plain(text) {
  const made = element("pre", { tabindex: "0", "aria-label": "The body of the answer" });
  made.textContent =
    text.length > MOST ? `${text.slice(0, MOST)}\n… ${text.length - MOST} more characters` : text;
  return made;
}

function line(depth) {
  return `\n${"  ".repeat(depth)}`;
}

function kind(token, next) {
  if (token.startsWith('"')) return next === ":" ? "json-key" : "json-text";
  return /^[-0-9]/.test(token) ? "json-number" : "json-word";
}
