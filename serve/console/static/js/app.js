// The frame: who is looking, which view is shown, and whether what is shown is live.

import { get, send, session } from "./api.js";
import { button, el, fill } from "./dom.js";
import { clock } from "./format.js";
import { Live } from "./live.js";
import { LiveStates } from "./live_states.js";
import { address, route } from "./router.js";
import { failed, loading } from "./states.js";
import { toast } from "./toasts.js";
import { overview } from "./views/overview.js";
import { protocolView } from "./views/protocol.js";
import { records } from "./views/records.js";
import { search } from "./views/search.js";
import { sessionPage } from "./views/session.js";
import { sessions } from "./views/sessions.js";
import { signIn } from "./views/sign_in.js";

const VIEWS = [
  { name: "", label: "Overview", show: overview },
  { name: "sessions", label: "Sessions", show: sessions, of: sessionPage },
  { name: "search", label: "Search", show: search },
  { name: "protocol", label: "Protocol", show: protocolView, of: protocolView },
  { name: "records", label: "Records", show: records, of: records },
];

const main = document.getElementById("main");
const live = new Live(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const app = { live, states: new LiveStates(live), identity: null, may: (right) => app.identity?.rights.includes(right) ?? false };

let leaving = new AbortController();
let shown = null;

async function start() {
  fill(main, loading("who you are"));
  try {
    app.identity = await get("/console/identity");
  } catch (error) {
    if (error.status !== 401) fill(main, failed(error, start));
    return;
  }
  const { installation, user, credential } = app.identity;
  fill(document.getElementById("who"), [installation, user].filter(Boolean).join(" / "));
  document.getElementById("sign-out").hidden = !credential;
  if (app.may("sessions-read")) live.connect();
  showConnection();
  show();
}

function show() {
  if (!app.identity) return;
  const { parts, params } = route();
  const view = VIEWS.find((one) => one.name === (parts[0] ?? ""));
  leave();
  const made = view ? (parts.length > 1 && view.of ? view.of : view.show)({ app, parts, params, signal: leaving.signal }) : unknown();
  document.title = `${made.title} · LumiLink`;
  fill(main, made.node);
  showViews(view?.name);
  const place = parts.join("/");
  if (shown !== null && shown !== place) focusHeading();
  shown = place;
  window.scrollTo(0, 0);
}

function leave() {
  leaving.abort();
  leaving = new AbortController();
}

function unknown() {
  const node = el("div", { class: "state" }, el("h1", {}, "There is no such view"), el("a", { href: "#/" }, "Go to the overview"));
  return { title: "Unknown view", node };
}

function showViews(current) {
  const links = VIEWS.map(({ name, label }) => el("a", { href: address(name ? [name] : []), "aria-current": name === current && "page" }, label));
  fill(
    document.querySelector("#views ul"),
    links.map((link) => el("li", {}, link)),
  );
}

function focusHeading() {
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

function showConnection() {
  const texts = { off: "Read every 30 s", connecting: "Connecting …", live: "Live", waiting: "Not connected" };
  const dot = el("span", { class: live.state === "live" ? "dot live" : "dot", "aria-hidden": "true" });
  fill(document.getElementById("connection"), app.identity ? [dot, texts[live.state]] : "");
  const banner = document.getElementById("banner");
  banner.hidden = live.state !== "waiting";
  if (banner.hidden) return;
  const since = live.since ? `What you see is as of ${clock(Date.now())}. ` : "";
  const at = `The next try is at ${clock(live.retryAt)}.`;
  fill(banner, `Live events are not connected. ${since}${at} `, button("Try now", () => live.connect(), { class: "quiet" }));
}

function signedOut() {
  if (main.querySelector("form.sign-in-form")) return;
  const had = app.identity !== null;
  app.identity = null;
  live.stop();
  leave();
  shown = null;
  document.getElementById("sign-out").hidden = true;
  fill(document.getElementById("who"));
  fill(document.querySelector("#views ul"));
  showConnection();
  document.title = "Sign in · LumiLink";
  fill(main, signIn({ wasSignedIn: had, onSignedIn: start }));
  main.querySelector("input").focus();
}

async function signOut() {
  try {
    await send("DELETE", "/console/session");
  } catch (error) {
    toast(`Signing out did not work: ${error.message}`, "warning");
    return;
  }
  signedOut();
}

live.addEventListener("state", () => {
  showConnection();
  // A connection that is refused may be one whose key has been revoked: this asks, and signs out if so.
  if (live.state === "waiting") get("/console/identity").catch(() => {});
});
live.addEventListener("event", ({ detail }) => {
  if (detail.event === "toast") toast(detail.data.message, detail.data.severity);
});
session.addEventListener("signed-out", signedOut);
// If requests get no answer, the connection is likely to be dead as well, and does not know it.
session.addEventListener("absent", () => live.state === "live" && live.renew());
window.addEventListener("hashchange", show);
window.addEventListener("online", () => app.identity && live.state === "waiting" && live.connect());
document.getElementById("sign-out").addEventListener("click", signOut);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
fill(document.getElementById("footer"), zone === "UTC" ? "Times are in UTC." : `Times are local (${zone}); hover over one for UTC.`);
start();
