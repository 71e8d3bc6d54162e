// Short messages in the corner. Critical ones stay until they are put away.

import { button, el } from "./dom.js";

const SHOWN_MS = 10_000;
const MOST = 4;

/** Show a message. `severity`: info, warning or critical. */
export function toast(message, severity = "info") {
  const place = document.getElementById("toasts");
  const known = ["info", "warning", "critical"].includes(severity) ? severity : "info";
  const node = el("div", { class: `toast ${known}` }, el("span", {}, message), button("Close", () => node.remove(), { class: "quiet" }));
  place.append(node);
  while (place.children.length > MOST) place.firstChild.remove();
  if (known !== "critical") setTimeout(() => node.remove(), SHOWN_MS);
}
