// Where the gateway asks for a key.

import { send } from "../api.js";
import { el, fill } from "../dom.js";
import { form, input } from "../forms.js";

/** The form. The key goes to the gateway, which answers with a cookie that scripts cannot read. */
export function signIn({ wasSignedIn, onSignedIn }) {
  const said = el("p", { class: "error", role: "alert" });
  const why = wasSignedIn ? "Your key is no longer valid, or you have signed out." : "This gateway asks for a key.";
  async function submitted({ key }, node) {
    const submit = node.querySelector("button");
    submit.disabled = true;
    fill(said);
    try {
      await send("POST", "/console/session", { body: { key } });
      node.reset();
      await onSignedIn();
    } catch (error) {
      fill(said, `${error.message} ${error.status === 401 ? "An admin can make one: lumilink keys create." : error.recovery}`);
      node.elements.key.focus();
    } finally {
      submit.disabled = false;
    }
  }
  const field = input("API key", { name: "key", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  return el(
    "section",
    { class: "panel sign-in" },
    el("header", {}, el("h1", {}, "Sign in")),
    el("div", { class: "inside" }, form({ class: "sign-in-form" }, submitted, el("p", { class: "soft" }, why), field, said, el("button", { class: "primary" }, "Sign in"))),
  );
}
