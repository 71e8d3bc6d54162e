// One workspace: where it stands between ACP and HTTP, and the two buttons that move it.

import { getTagged } from "../api.js";
import { badge, protocol } from "../badges.js";
import { change } from "../changing.js";
import { button, el, fill } from "../dom.js";
import { input } from "../forms.js";
import { count, moment, percent, plural, protocolName, UNKNOWN } from "../format.js";
import { Region } from "../states.js";
import { debounced, nowAndThen } from "../timing.js";
import { address } from "../router.js";

const SETTLE_MS = 1_000;
const EVERY_MS = 30_000;
const MEANINGS = {
  acp: "Sessions are carried over ACP; the last hour judges it.",
  moving: "On the way to ACP: sessions come over one by one, between two turns.",
  http: "Sessions are carried over HTTP; the rollout has not come to it yet.",
  "rolled-back": "Back on HTTP by itself. After the cool-down some sessions try ACP.",
  "half-open": "On HTTP, while a share of the sessions tries ACP.",
  "pinned-http": "On HTTP by somebody's word, until somebody returns it.",
};

export function workspacePanel({ app, id, signal }) {
  const path = `/api/v1/workspaces/${encodeURIComponent(id)}/protocol`;
  const mark = el("span", { role: "status" });
  const region = new Region("the workspace", signal, {
    read: () => getTagged(path, { signal }),
    show: ({ body, etag }) => {
      fill(mark, badge(body.state));
      return el(
        "div",
        { class: "stack" },
        el("p", {}, MEANINGS[body.state] ?? ""),
        facts(body),
        controls(app, { standing: body, etag, path, signal, refresh: region.refresh }),
      );
    },
  });
  region.refresh();
  const soon = debounced(region.refresh, SETTLE_MS, signal);
  app.live.addEventListener("event", ({ detail }) => detail.event.startsWith("protocol:") && soon(), { signal });
  app.live.addEventListener("gap", soon, { signal });
  nowAndThen(region.refresh, EVERY_MS, signal);
  return el(
    "section",
    { class: "panel", "aria-label": "Workspace" },
    el("header", {}, el("h2", {}, "Workspace ", el("span", { class: "id" }, id)), mark),
    el("div", { class: "inside" }, region.node),
  );
}

function facts({ workspaceId, metrics = {}, ...standing }) {
  const links = ["rollbacks", "migrations"].map((kind) => [el("a", { href: address(["records", kind], { workspaceId }) }, kind), " "]);
  return el(
    "dl",
    { class: "facts" },
    fact("New sessions use", protocol(standing.protocol)),
    fact("Since", moment(standing.since)),
    fact("Success rate, last hour", `${percent(metrics.successRate, 2)}, wanted ${percent(metrics.threshold)}`),
    fact("Tried", `${count(metrics.samples)}, ${count(metrics.failed)} failed`),
    fact("Loaded sessions", count(standing.sessions)),
    fact("Fell back to HTTP", count(standing.fellBack)),
    standing.coolDownUntil ? fact("Cool-down until", moment(standing.coolDownUntil)) : null,
    standing.returnAt ? fact("Returns to ACP at", moment(standing.returnAt)) : null,
    standing.migration ? fact("Moving now", `${plural(standing.migration.sessions, "session")} to ${protocolName(standing.migration.toProtocol)}`) : null,
    fact("Audit", el("span", {}, links)),
  );
}

function fact(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value ?? UNKNOWN));
}

function controls(app, context) {
  const isOnAcp = context.standing.protocol === "acp";
  const isPinned = context.standing.state === "pinned-http";
  const buttons = [
    // Users may take what they work on back to HTTP; the way to ACP is the operators'.
    app.may("sessions-use") && button("Roll back to HTTP …", () => move("rollback", context), { class: "danger", disabled: isPinned }),
    app.may("protocol-change") && button("Return to ACP …", () => move("return", context), { disabled: isOnAcp }),
  ];
  return buttons.some(Boolean) ? el("div", { class: "buttons" }, buttons) : null;
}

async function move(action, { standing, etag, path, signal, refresh }) {
  const reason = input("Reason, for the audit trail", { name: "reason", maxlength: 500 }, "Optional. Do not put a secret in it.");
  const isRollback = action === "rollback";
  await change({
    request: { method: "POST", path: `${path}/${action}`, etag },
    body: () => {
      const text = reason.querySelector("input").value.trim();
      return text ? { reason: text } : {};
    },
    describe: (dryRun) => ({
      title: isRollback ? "Roll back to HTTP?" : "Return to ACP?",
      content: [consequences(isRollback, standing, dryRun), reason],
      confirm: isRollback ? "Roll back" : "Return",
      isDangerous: isRollback,
    }),
    done: isRollback ? `${standing.workspaceId} goes back to HTTP.` : `${standing.workspaceId} returns to ACP.`,
    signal,
  });
  refresh();
}

function consequences(isRollback, standing, dryRun) {
  const to = protocolName(dryRun?.wouldBe ?? (isRollback ? "http" : "acp"));
  const isSame = dryRun?.wouldBe === standing.protocol;
  return el(
    "ul",
    { class: "changes" },
    el("li", {}, "Workspace ", el("span", { class: "id" }, standing.workspaceId)),
    el("li", {}, isSame ? `New sessions use ${to}, as now.` : `New sessions use ${to} instead of ${protocolName(standing.protocol)}.`),
    el("li", {}, `Loaded sessions: ${count(standing.sessions)}. Each goes over as soon as no turn of it runs, and its users are told.`),
    el("li", {}, isRollback ? "It stays on HTTP until somebody returns it." : "The success of the sessions from now on judges it anew."),
  );
}
