// The fields of a rollout policy: how each is asked for, and how it is said.

import { choice, input, toggle } from "../forms.js";
import { percent, protocolName, UNKNOWN, words } from "../format.js";

const PROTOCOLS = ["acp", "http"].map((name) => [name, protocolName(name)]);
const PHASES = [
  ["opt-in", "Opt-in: by hand"],
  ["scheduled", "Scheduled: from a moment on"],
  ["automatic", "Automatic: from now on"],
];

export const FIELDS = [
  { name: "defaultProtocol", label: "New workspaces begin with", kind: "choice", options: PROTOCOLS },
  { name: "phase", label: "Phase", kind: "choice", options: PHASES },
  { name: "scheduledAt", label: "Scheduled for (local time)", kind: "moment" },
  { name: "share", label: "Share of workspaces, %", kind: "share", step: 1 },
  { name: "threshold", label: "Rolled back below a success of, %", kind: "share", step: 0.1 },
  { name: "minSamples", label: "Judged from so many samples on", kind: "number", min: 1, max: 100_000, step: 1 },
  { name: "coolDownS", label: "Cool-down, seconds", kind: "number", min: 1, max: 86_400, step: 1 },
  { name: "probeShare", label: "Share of sessions that try ACP, %", kind: "share", step: 1 },
  { name: "migrationEnabled", label: "Migration enabled", kind: "toggle" },
  { name: "automaticRollback", label: "Automatic rollback", kind: "toggle" },
  { name: "fallbackEnabled", label: "Sessions fall back to HTTP", kind: "toggle" },
];

/** The field of a form. */
export function asField(field, value) {
  const { name, label, kind, options, min, max, step } = field;
  if (kind === "choice") return choice(label, name, options, value);
  if (kind === "toggle") return toggle(label, name, value);
  if (kind === "moment") return input(label, { name, type: "datetime-local", value: localMoment(value) });
  const limits = kind === "share" ? { min: 0, max: 100, step, value: rounded(value * 100) } : { min, max, step, value };
  return input(label, { name, type: "number", required: true, ...limits });
}

/** A policy's members from what a form says. */
export function policyOf(said) {
  return Object.fromEntries(FIELDS.map((field) => [field.name, valueOf(field, said[field.name])]));
}

/** What is different, each as a sentence. */
export function differences(before, after) {
  return FIELDS.filter(({ name, kind }) => !isSame(kind, before[name], after[name])).map(
    (field) => `${field.label}: ${shown(field, before[field.name])} → ${shown(field, after[field.name])}`,
  );
}

/** A value as it is said. */
export function shown({ kind, options }, value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (kind === "toggle") return value ? "yes" : "no";
  if (kind === "share") return percent(value);
  if (kind === "moment") return new Date(value).toLocaleString("en-GB");
  return options?.find(([known]) => known === value)?.[1] ?? words(value);
}

function valueOf({ kind }, said) {
  if (kind === "share") return rounded(Number(said)) / 100;
  if (kind === "number") return Number(said);
  if (kind === "moment") return said ? new Date(said).toISOString() : null;
  return said;
}

function isSame(kind, one, other) {
  if (kind === "moment" && one && other) return localMoment(one) === localMoment(other);
  if (kind === "share") return Math.abs(one - other) < 1e-9;
  return (one ?? null) === (other ?? null);
}

function localMoment(iso) {
  if (!iso) return "";
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function rounded(value) {
  return Math.round(value * 1e6) / 1e6;
}
