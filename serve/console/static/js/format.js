// Numbers and moments as people read them. What is not known is a dash.

import { el } from "./dom.js";

export const UNKNOWN = "–";

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clocks = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const days = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/** A whole number: 12,345. */
export function count(value) {
  return isNumber(value) ? counts.format(value) : UNKNOWN;
}

/** A share of one as per cent. One that is nearly all is never rounded up to 100 %. */
export function percent(ratio, digits = 1) {
  if (!isNumber(ratio)) return UNKNOWN;
  const factor = 10 ** digits;
  let value = Math.round(ratio * 100 * factor) / factor;
  if (ratio < 1 && value >= 100) value = 100 - 1 / factor;
  return `${value.toFixed(Number.isInteger(value) ? 0 : digits)} %`;
}

/** Milliseconds: 12 ms, 1.4 s, 3 min 20 s. */
export function duration(ms) {
  if (!isNumber(ms)) return UNKNOWN;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(minutes, "min", Math.floor(seconds % 60), "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "days", hours % 24, "h");
}

/** Bytes: 58 MB. */
export function bytes(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value < 1e6) return `${counts.format(value / 1e3)} kB`;
  return value < 1e10 ? `${counts.format(value / 1e6)} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/** The time of day of a moment, local. */
export function clock(moment) {
  return clocks.format(new Date(moment));
}

/** The day of a moment, local. */
export function day(moment) {
  return days.format(new Date(moment));
}

/** A moment as an element: the time if it is today, else the day too; in full, in UTC, on hovering. */
export function moment(iso) {
  if (!iso) return el("span", { class: "soft" }, UNKNOWN);
  const text = day(iso) === day(Date.now()) ? clock(iso) : `${day(iso)}, ${clock(iso)}`;
  return el("time", { class: "moment", datetime: iso, title: iso }, text);
}

/** A moment as plotly takes it: it knows no time zones, so this is the local time. */
export function plotMoment(iso) {
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** A word of the wire as a person says it: `rolled-back` is "rolled back", `acp` is "ACP". */
export function words(code) {
  if (!code) return UNKNOWN;
  return String(code).replaceAll("-", " ").replaceAll(/\b(acp|http)\b/g, (name) => name.toUpperCase());
}

/** A text as a sentence of its own: with a capital, and a stop at its end. */
export function sentence(text) {
  if (!text) return "";
  const whole = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

/** A protocol's name as people write it. */
export function protocolName(protocol) {
  return protocol ? String(protocol).toUpperCase() : UNKNOWN;
}

/** One thing or several: "1 session", "3 sessions". */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function joined(large, largeUnit, small, smallUnit) {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}
