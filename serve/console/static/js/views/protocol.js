// By which protocol sessions are carried: one workspace's standing, and the installation's rollout.

import { get } from "../api.js";
import { el, newId } from "../dom.js";
import { form, input } from "../forms.js";
import { address } from "../router.js";
import { empty } from "../states.js";
import { policyPanel } from "./policy.js";
import { workspacePanel } from "./workspace.js";

export function protocolView({ app, parts, signal }) {
  const id = parts[1] ?? "";
  const workspace = id
    ? workspacePanel({ app, id, signal })
    : el("section", { class: "panel", "aria-label": "Workspace" }, empty("Which workspace?", "Name one above, or choose it in the list of sessions."));
  const node = el(
    "div",
    { class: "stack" },
    el("div", { class: "head" }, el("h1", {}, "Protocol"), chooser(id, signal)),
    workspace,
    policyPanel({ app, signal }),
  );
  return { title: id ? `Protocol of ${id}` : "Protocol", node };
}

function chooser(id, signal) {
  const listId = newId("workspaces");
  const known = el("datalist", { id: listId });
  suggest(known, signal);
  return form(
    { class: "filters", role: "search", "aria-label": "Choose a workspace" },
    ({ workspace }) => {
      location.hash = address(workspace ? ["protocol", workspace] : ["protocol"]);
    },
    input("Workspace", { name: "workspace", value: id, list: listId }),
    known,
    el("button", {}, "Show"),
  );
}

/** Workspaces of the latest sessions. Without them the field takes any name as well. */
async function suggest(known, signal) {
  try {
    const { items } = await get("/api/v1/sessions", { params: { limit: 200, sort: "updatedAt" }, signal });
    const names = [...new Set(items.map((session) => session.workspaceId))].sort();
    known.append(...names.map((name) => el("option", { value: name })));
  } catch (error) {
    if (!signal.aborted) console.info(`no workspaces to suggest: ${error.message}`);
  }
}
