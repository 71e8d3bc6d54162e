// Changing something: first a dry run that says what would come of it, then a question, then the change, once.

import { send } from "./api.js";
import { confirmed } from "./dialog.js";
import { toast } from "./toasts.js";

/**
 * `request`: {method, path, etag}; `body()` is asked for when it is sent, so it may read the dialog's fields.
 * `describe(dryRun)` gives the dialog: {title, content, confirm, isDangerous}. Resolves to what the gateway
 * answered, or null where nothing was changed.
 */
export async function change({ request, body, describe, done, signal }) {
  const { method, path, etag } = request;
  const headers = etag ? { "If-Match": etag } : {};
  try {
    const dryRun = await send(method, path, { params: { dryRun: true }, body: body(), headers, signal });
    if (!(await confirmed(describe(dryRun)))) return null;
    // The same key for the same decision: a repeat after a break of the line is carried out once.
    const answer = await send(method, path, { body: body(), headers: { ...headers, "Idempotency-Key": newKey() }, signal });
    toast(done);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") return null;
    const advice = error.status === 412 ? "Somebody else has changed it meanwhile: look at it again." : error.recovery;
    toast(`Not changed. ${error.message} ${advice}`, "critical");
    return null;
  }
}

function newKey() {
  // Not randomUUID(): a browser offers that only over HTTPS and on loopback.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
