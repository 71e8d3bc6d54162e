// JSON behind a line that opens it: what is small at once, what is large when it is opened.

import { get } from "./api.js";
import { el, fill } from "./dom.js";

/** A value, or the one that `reference` (its SHA-256) stands for; nothing where there is neither. */
export function payload(label, value, reference) {
  const hasValue = value !== null && value !== undefined && !(typeof value === "object" && !Object.keys(value).length);
  if (!hasValue && !reference) return null;
  const body = el("pre", { tabindex: "0" });
  const node = el("details", {}, el("summary", {}, label), body);
  node.addEventListener("toggle", () => node.open && !body.textContent && shown(body, value, reference));
  return node;
}

async function shown(body, value, reference) {
  if (!reference) {
    fill(body, pretty(value));
    return;
  }
  fill(body, "Reading …");
  try {
    fill(body, pretty(await get(`/api/v1/payloads/${encodeURIComponent(reference)}`)));
  } catch (error) {
    fill(body, `${error.message} Close and open this to try again.`);
  }
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
