// The records that auditors read, and the columns of each.

import { badge, protocol } from "../badges.js";
import { el } from "../dom.js";
import { duration, moment, percent, UNKNOWN, words } from "../format.js";
import { address } from "../router.js";

/** Each with its name in the address, its text, its path, what names one, its columns and its filters. */
export const KINDS = [
  {
    name: "connections",
    text: "Connections",
    key: (row) => row.connectionId,
    columns: [
      { label: "Connection", isHead: true, cell: (row) => cut(row.connectionId) },
      { label: "Status", cell: (row) => badge(row.status) },
      { label: "Workspace", class: "wide-only", cell: (row) => workspace(row) },
      { label: "Version", class: "wide-only", cell: (row) => row.protocolVersion ?? UNKNOWN },
      { label: "Success", class: "number", cell: (row) => percent(row.successRate) },
      { label: "Latency p95", class: "number wide-only", cell: (row) => duration(row.latencyP95) },
      { label: "Errors", class: "number wide-only", cell: (row) => row.errorCount },
      { label: "Reconnects", class: "number wide-only", cell: (row) => row.reconnectCount },
      { label: "Last active", cell: (row) => moment(row.lastActive) },
    ],
  },
  {
    name: "rollbacks",
    text: "Rollbacks",
    key: (row) => row.eventId,
    columns: [
      { label: "Workspace", isHead: true, cell: (row) => workspace(row) },
      { label: "By", cell: (row) => words(row.trigger) },
      { label: "Reason", cell: (row) => words(row.reasonCode) },
      { label: "From", class: "wide-only", cell: (row) => protocol(row.previousProtocol) },
      { label: "To", class: "wide-only", cell: (row) => protocol(row.newProtocol) },
      { label: "Begun", cell: (row) => moment(row.initiatedAt) },
      { label: "Done", class: "wide-only", cell: (row) => moment(row.completedAt) },
    ],
  },
  {
    name: "migrations",
    text: "Migrations",
    key: (row) => row.migrationId,
    columns: [
      { label: "Workspace", isHead: true, cell: (row) => workspace(row) },
      { label: "Status", cell: (row) => badge(row.status) },
      { label: "From", class: "wide-only", cell: (row) => protocol(row.fromProtocol) },
      { label: "To", cell: (row) => protocol(row.toProtocol) },
      { label: "By", class: "wide-only", cell: (row) => `${words(row.initiatedBy)}, ${words(row.trigger)}` },
      { label: "Attempts", class: "number wide-only", cell: (row) => row.attemptCount },
      { label: "Reason", class: "wide-only", cell: (row) => row.errorMessage ?? words(row.rollbackReason) },
      { label: "Begun", cell: (row) => moment(row.startedAt) },
    ],
  },
  {
    name: "automations",
    text: "Automations",
    key: (row) => row.summaryId,
    columns: [
      { label: "Session", isHead: true, cell: (row) => session(row) },
      { label: "Outcome", cell: (row) => badge(row.status) },
      { label: "Made or why not", cell: outcome },
      { label: "Took", class: "number wide-only", cell: (row) => duration(row.durationMs) },
      { label: "At", cell: (row) => moment(row.createdAt) },
    ],
  },
  {
    name: "containers",
    text: "Containers",
    key: (row) => row.containerId,
    columns: [
      { label: "Container", isHead: true, cell: (row) => cut(row.containerId) },
      { label: "Workspace", class: "wide-only", cell: (row) => workspace(row) },
      { label: "Speaks", cell: (row) => el("span", {}, row.supportedProtocols.flatMap((name) => [protocol(name), " "])) },
      { label: "Prefers", class: "wide-only", cell: (row) => protocol(row.preferredProtocol) },
      { label: "Changed", cell: (row) => moment(row.updatedAt) },
    ],
  },
];

function cut(text) {
  return el("span", { class: "id cut", title: text }, text);
}

function workspace({ workspaceId }) {
  return el("a", { class: "cut", href: address(["protocol", workspaceId]), title: workspaceId }, workspaceId);
}

function session({ sessionId }) {
  return el("a", { class: "id cut", href: address(["sessions", sessionId]), title: sessionId }, sessionId);
}

function outcome({ issue, pullRequest, commit, skipReason, error }) {
  if (error) return `${error.code}: ${error.message}`;
  if (skipReason) return words(skipReason);
  const made = [issue && `issue #${issue.number}`, pullRequest && `pull request #${pullRequest.number}`, commit && `commit ${commit.sha.slice(0, 10)}`];
  return made.filter(Boolean).join(", ") || UNKNOWN;
}
