// Requests to the gateway. Every one has a deadline; every refusal becomes a Problem that says what to do.

import { sentence } from "./format.js";

const DEADLINE_MS = 15_000;

/** Hears "signed-out" when the gateway asks for a key, and "absent" when it does not answer. */
export const session = new EventTarget();

/** A refusal, as application/problem+json tells it, or that nobody answered. */
export class Problem extends Error {
  constructor({ status = 0, code = "", detail = "", recovery = "" }) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.recovery = recovery;
  }
}

/** GET JSON. The browser asks again with the ETag that it had, so what has not changed costs little. */
export async function get(path, { params = {}, signal } = {}) {
  const { body } = await request("GET", withParams(path, params), { signal });
  return body;
}

/** GET JSON together with its ETag, for who wants to change it. */
export async function getTagged(path, { signal } = {}) {
  const { body, response } = await request("GET", path, { signal });
  return { body, etag: response.headers.get("ETag") };
}

/** PUT, POST or DELETE. `params` go into the URL, `headers` beside the usual ones. */
export async function send(method, path, { params = {}, body, headers = {}, signal } = {}) {
  const answer = await request(method, withParams(path, params), { body, headers, signal });
  return answer.body;
}

/** A path with parameters; those that are empty are left out. */
export function withParams(path, params) {
  const said = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return said.length ? `${path}?${new URLSearchParams(said)}` : path;
}

async function request(method, url, { body, headers = {}, signal }) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const options = {
    method,
    cache: "no-cache",
    credentials: "same-origin",
    headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
  };
  const response = await answered(() => fetch(url, options));
  const found = await answered(() => parsed(response));
  if (response.ok) return { body: found, response };
  if (response.status === 401) session.dispatchEvent(new Event("signed-out"));
  throw problemOf(response, found);
}

/** What `read` reads. Where nothing comes, or only half of it, that is a Problem; an abort stays one. */
async function answered(read) {
  try {
    return await read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const late = error.name === "TimeoutError";
    session.dispatchEvent(new Event("absent"));
    throw new Problem({
      code: late ? "no-answer" : "not-reachable",
      detail: late ? "The gateway did not answer in time." : "The gateway cannot be reached.",
      recovery: "See whether it runs and this machine is online; this page tries again by itself.",
    });
  }
}

function parsed(response) {
  const type = response.headers.get("Content-Type") ?? "";
  return type.includes("json") ? response.json() : null;
}

function problemOf(response, found) {
  return new Problem({
    status: response.status,
    code: found?.code ?? `http-${response.status}`,
    detail: sentence(found?.detail) || `The gateway answered ${response.status}.`,
    recovery: found?.recovery ?? "",
  });
}
