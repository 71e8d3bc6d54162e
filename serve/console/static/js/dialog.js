// Asking before something is changed.

import { button, el, newId } from "./dom.js";

/**
 * Show what will change and wait. `content`: nodes that say it; `confirm`: the text of the button.
 * Resolves to whether it was confirmed; the focus goes back to where it was.
 */
export function confirmed({ title, content, confirm, isDangerous = false }) {
  return new Promise((resolve) => {
    const id = newId("dialog");
    const node = el(
      "dialog",
      { "aria-labelledby": id },
      el(
        "form",
        { method: "dialog" },
        el("h2", { id }, title),
        content,
        el(
          "div",
          { class: "buttons" },
          button("Cancel", () => node.close(""), { autofocus: true }),
          el("button", { value: "confirmed", class: isDangerous ? "danger" : "primary" }, confirm),
        ),
      ),
    );
    node.addEventListener("close", () => {
      node.remove();
      resolve(node.returnValue === "confirmed");
    });
    document.body.append(node);
    node.showModal();
  });
}
