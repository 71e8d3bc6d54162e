// The installation's rollout: seen by all who may read, changed by those who may change protocols.

import { get, getTagged } from "../api.js";
import { badge } from "../badges.js";
import { change } from "../changing.js";
import { el } from "../dom.js";
import { form } from "../forms.js";
import { count, plural, words } from "../format.js";
import { empty, Region } from "../states.js";
import { debounced } from "../timing.js";
import { asField, differences, FIELDS, policyOf, shown } from "./policy_fields.js";

const MOST_NAMED = 10;
const SETTLE_MS = 2_000;

export function policyPanel({ app, signal }) {
  const path = `/api/v1/installations/${encodeURIComponent(app.identity.installation)}/protocol`;
  const region = new Region("the rollout policy", signal, {
    read: () => getTagged(path, { signal }),
    show: ({ body, etag }) => {
      if (!body) return empty("No policy", "This gateway has no rollout of protocols.");
      return app.may("protocol-change") ? editor({ policy: body, etag, path, signal, refresh: region.refresh }) : facts(body);
    },
  });
  region.refresh();
  const standing = standingOf({ app, path, signal });
  return el(
    "section",
    { class: "panel", "aria-label": "Rollout" },
    el("header", {}, el("h2", {}, "Rollout of ACP"), el("span", { class: "soft" }, `Installation ${app.identity.installation}`)),
    el("div", { class: "inside stack" }, standing.node, region.node),
  );
}

function facts(policy) {
  return el(
    "dl",
    { class: "facts" },
    FIELDS.map((field) => el("div", {}, el("dt", {}, field.label), el("dd", {}, shown(field, policy[field.name])))),
  );
}

function editor({ policy, etag, path, signal, refresh }) {
  async function submitted(said) {
    const wanted = { ...policy, ...policyOf(said) };
    const changes = differences(policy, wanted);
    const note = node.querySelector("[role=status]");
    note.textContent = changes.length ? "" : "Nothing is changed.";
    if (!changes.length) return;
    const answer = await change({
      request: { method: "PUT", path, etag },
      body: () => wanted,
      describe: (dryRun) => ({ title: "Change the rollout?", content: consequences(changes, dryRun), confirm: "Change" }),
      done: "The rollout has been changed.",
      signal,
    });
    if (answer) refresh();
  }
  const node = form(
    {},
    submitted,
    fields(policy, (field) => field.kind !== "toggle"),
    fields(policy, (field) => field.kind === "toggle"),
    el("div", { class: "buttons" }, el("button", { class: "primary" }, "Review the change …"), el("span", { role: "status", class: "soft" })),
  );
  return node;
}

function fields(policy, isWanted) {
  return el("div", { class: "fields" }, FIELDS.filter(isWanted).map((field) => asField(field, policy[field.name])));
}

function consequences(changes, dryRun) {
  return [
    el("ul", { class: "changes" }, changes.map((text) => el("li", {}, text))),
    el("p", { class: "soft" }, reach(dryRun)),
  ];
}

function reach({ workspaces = [], workspacesCount = 0 }) {
  if (!workspacesCount) return "No workspace on HTTP is reached by the rollout then.";
  const names = workspaces.slice(0, MOST_NAMED);
  const rest = workspacesCount > names.length ? ` and ${count(workspacesCount - names.length)} more` : "";
  return `The rollout then moves ${plural(workspacesCount, "workspace")} to ACP, one by one, between two turns: ${names.join(", ")}${rest}.`;
}

/** How many workspaces stand where, most first. It is read by itself: what somebody fills in is left alone. */
function standingOf({ app, path, signal }) {
  const region = new Region("where workspaces stand", signal, {
    read: () => get(path, { signal }),
    show: ({ standing = {} }) => {
      const said = Object.entries(standing).filter(([, number]) => number).sort((one, other) => other[1] - one[1]);
      return el("p", {}, "Workspaces: ", said.length ? said.map(([state, number]) => [badge(state, `${words(state)} ${count(number)}`), " "]) : "none yet");
    },
  });
  region.refresh();
  const soon = debounced(region.refresh, SETTLE_MS, signal);
  app.live.addEventListener("event", ({ detail }) => detail.event.startsWith("protocol:") && soon(), { signal });
  app.live.addEventListener("gap", soon, { signal });
  return region;
}
