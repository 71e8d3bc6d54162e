// Fields with their labels.

import { el, newId } from "./dom.js";

/** An input with a label, and a hint if there is one. */
export function input(label, attributes, hint) {
  const id = newId("field");
  const hintId = hint ? `${id}-hint` : null;
  const control = el("input", { id, name: attributes.name, "aria-describedby": hintId, ...attributes });
  return el(
    "div",
    { class: "field" },
    el("label", { for: id }, label),
    control,
    hint ? el("span", { class: "hint", id: hintId }, hint) : null,
  );
}

/** A choice among options, each [value, text]. */
export function choice(label, name, options, chosen, attributes = {}) {
  const id = newId("field");
  const nodes = options.map(([value, text]) => el("option", { value, selected: value === chosen }, text));
  return el("div", { class: "field" }, el("label", { for: id }, label), el("select", { id, name, ...attributes }, nodes));
}

/** On or off. */
export function toggle(label, name, isOn, attributes = {}) {
  const id = newId("field");
  const box = el("input", { type: "checkbox", id, name, checked: isOn, ...attributes });
  return el("div", { class: "switch" }, box, el("label", { for: id }, label));
}

/** What a form says, by name, trimmed; a checkbox as true or false. */
export function values(form) {
  const said = {};
  for (const control of form.elements) {
    if (control.name) said[control.name] = control.type === "checkbox" ? control.checked : control.value.trim();
  }
  return said;
}

/** A form that is sent to nobody: `onSubmit` gets its values. */
export function form(attributes, onSubmit, ...children) {
  const node = el("form", attributes, children);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    onSubmit(values(node), node);
  });
  return node;
}
