// The connections of a page of sessions.

import { get } from "./api.js";

const LATEST = 200;

/** By id: the connections of these sessions, as far as there are records of them. */
export async function connectionsOf(sessions, signal) {
  const latest = await get("/api/v1/connections", { params: { limit: LATEST, sort: "lastActive" }, signal });
  const known = new Map(latest.items.map((one) => [one.connectionId, one]));
  const missing = sessions.map((session) => session.acpConnectionId).filter((id) => id && !known.has(id));
  const found = await Promise.allSettled(missing.map((id) => get(`/api/v1/connections/${encodeURIComponent(id)}`, { signal })));
  for (const one of found) if (one.value) known.set(one.value.connectionId, one.value);
  return known;
}
