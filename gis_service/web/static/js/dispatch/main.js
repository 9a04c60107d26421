/** Starts the console: who is signed in, what there is, then list, map and stream. */

import { signOut } from "../account.js";
import { ApiError, getJSON } from "../api.js";
import { app } from "../app.js";
import { inOtherLanguage } from "../asked.js";
import { byId, h } from "../dom.js";
import { dateTime, pick, setLanguage, setTimezone, t } from "../i18n.js";
import { drawConnection, startLive } from "../live.js";
import { canDraw } from "../map.js";
import { notice, say } from "../messages.js";
import { firstUnseen, startAlerts } from "./alerts.js";
import { startBulk } from "./bulk.js";
import { current, reload, startCase } from "./case.js";
import { now, setClock, startClock } from "./clock.js";
import { apply, ask, count, desk, load, may, on, open } from "./desk.js";
import { startFilters } from "./filters.js";
import { startGround } from "./ground.js";
import { startInbox } from "./inbox.js";
import { startKeys } from "./keys.js";
import { printCase } from "./print.js";
import { TABS } from "./query.js";
import { openReport } from "./report.js";
import { startTabs } from "./tabs.js";

const HERE = "/dispatch";

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  if (!(await signIn())) return;
  const some = (/** @type {string} */ path) => getJSON(path).then(({ items }) => items);
  [app.district, app.layers, app.style, desk.classes, desk.units, desk.squads] = await Promise.all([
    getJSON("/api/district"), some("/api/layers"), getJSON("/styles/map.json"), some("/api/classes"), some("/api/units"),
    some("/api/squads"), setClock(),
  ]);
  app.classes = desk.classes;
  setTimezone(app.district.timezone);
  head();
  readLink();
  if (app.district.bbox && canDraw()) await startGround();
  else byId("map").append(h("p", { class: "no-map", text: t(app.district.bbox ? "error.webgl" : "empty.title") }));
  startClock();
  startTabs();
  startFilters();
  startInbox();
  startCase();
  startBulk();
  startKeys();
  startAlerts(t("dispatch.title"));
  on("asked", writeLink);
  on("moved", writeLink);
  window.addEventListener("hashchange", readLinkAgain);
  byId("report-button").addEventListener("click", openReport);
  byId("report-button").hidden = !may("incident.report");
  byId("case").addEventListener("click", (/** @type {any} */ event) => {
    if (event.target.closest("#case-print") && current()) void printCase(current());
  });
  byId("urgent-count").addEventListener("click", () => { const id = firstUnseen(); if (id !== null) open(id); });
  // a wall stays open for days: what became overdue is counted again, and who is signed in asked
  window.setInterval(() => void count(), 60_000);
  startLive({
    hello: begin,
    incidents: apply,
    reload: () => { void load(); void count(); void reload(); },
    connection,
  });
  // without the stream there is still a list
  window.setTimeout(begin, 3000);
}

let begun = false;
/** Reads the list once the stream is in step: what changes from then on is told. */
async function begin() {
  if (begun) return;
  begun = true;
  void count();
  const wanted = linked();
  await load();
  if (wanted !== null) open(wanted);
  document.body.classList.add("ready");
}

/** @returns {Promise<boolean>} */
async function signIn() {
  try {
    desk.session = await getJSON("/api/session");
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      location.replace(signInAddress());
      return false;
    }
    throw error;
  }
  if (may("incident.read")) return true;
  notice(t("dispatch.notAllowed"), h("p", { text: t("dispatch.notAllowedHint") }));
  return false;
}

const signInAddress = () => `/login?next=${encodeURIComponent(HERE + location.search + location.hash)}`;

/** @param {import("../live.js").Connection} state */
function connection(state) {
  drawConnection(byId("live"), state);
  if (state === "signed-out") {
    say(t("dispatch.signedOut"), { key: "signed-out", kind: "error", retry: () => location.assign(signInAddress()) });
  }
}

function head() {
  const { district, session } = { district: app.district, session: desk.session };
  document.title = t("dispatch.title");
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  byId("approval").textContent = [
    district.map_approval_number && t("footer.approval", { number: district.map_approval_number }), "MapLibre",
  ].filter(Boolean).join(" · ");
  byId("account").textContent = session.display_name || session.name;
  byId("account").title = pick(session.role_name);
  connection("waiting");
  const clock = byId("clock");
  const tick = () => { clock.textContent = dateTime(new Date(now())); };
  tick();
  window.setInterval(tick, 5000);
  byId("sign-out").addEventListener("click", () => signOut(`/login?next=${HERE}`));
  byId("language").addEventListener("click", () => location.assign(inOtherLanguage()));
}

// -- the address says which tab and which incident ---------------------------------------------

/** @returns {number|null} */
function linked() {
  const id = Number(new URLSearchParams(location.hash.slice(1)).get("incident"));
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

const linkedTab = () => TABS.find(({ id }) => id === new URLSearchParams(location.hash.slice(1)).get("tab"));

function readLink() {
  const tab = linkedTab();
  if (tab) Object.assign(desk, { tab: tab.id, sort: tab.sort });
}

function readLinkAgain() {
  const tab = linkedTab();
  if (tab && tab.id !== desk.tab) ask({ tab: tab.id });
  if (linked() !== desk.open) open(linked());
}

function writeLink() {
  const link = new URLSearchParams({ tab: desk.tab, ...(desk.open === null ? {} : { incident: String(desk.open) }) });
  history.replaceState(null, "", `${location.pathname}${location.search}#${link}`);
}

start().catch((error) => {
  console.warn(error);
  notice(t("dispatch.failed"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
