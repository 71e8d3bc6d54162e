// The words that were searched for, marked in what was found.

import { el } from "./dom.js";

/** The text as nodes, with each of the words in a <mark>. */
export function highlighted(text, query) {
  const wanted = [...new Set(query.split(/[^\p{L}\p{N}]+/u).filter(Boolean))];
  if (!wanted.length) return [text];
  const longestFirst = wanted.sort((one, other) => other.length - one.length).map(escaped);
  const parts = text.split(new RegExp(`(${longestFirst.join("|")})`, "giu"));
  return parts.map((part, at) => (at % 2 ? el("mark", {}, part) : part)).filter((part) => part !== "");
}

function escaped(word) {
  return word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
