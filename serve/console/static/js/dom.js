// Elements. Text only ever becomes text: nothing in this console is parsed as HTML.

/**
 * An element. `attributes`: `class` and others as strings, booleans as they are, `on` a map of listeners.
 * `children`: elements, or text; null and false are left out.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.flat(Infinity).filter(isShown).map(asNode));
  return node;
}

/** Replace what a node holds. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter(isShown).map(asNode));
  return node;
}

/** Have a node hold these elements in this order. Those that stand right are not touched: they keep the focus. */
export function arrange(node, children) {
  children.forEach((child, at) => {
    if (node.children[at] !== child) node.insertBefore(child, node.children[at] ?? null);
  });
  while (node.children.length > children.length) node.lastChild.remove();
}

/** A button that is no submit button. */
export function button(text, onClick, attributes = {}) {
  return el("button", { type: "button", ...attributes, on: { click: onClick } }, text);
}

let ids = 0;

/** An id that nothing else on the page has. */
export function newId(what) {
  ids += 1;
  return `${what}-${ids}`;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
