// Which view the address asks for: `#/sessions/ID?filter=value`.

/** The address behind `#` as {parts, params}. */
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decodedPart);
  return { parts, params: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a view. Parameters that are not given are left out; an empty one says something. */
export function address(parts, params = {}) {
  const said = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
  const query = said.length ? `?${new URLSearchParams(said)}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${query}`;
}

/** Change the address without going anywhere: the view has done already what it says. */
export function remember(parts, params) {
  history.replaceState(null, "", address(parts, params));
}

function decodedPart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
