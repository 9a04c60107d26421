/** The officer's page: report, today's tasks, what still waits to be sent. */

import { signOut } from "../account.js";
import { ApiError, getJSON } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { number, pick, setLanguage, setTimezone, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { drafts, onOutbox, startOutbox } from "./outbox.js";
import { startReport } from "./report.js";
import { startTasks } from "./tasks.js";
import { startWaiting } from "./waiting.js";

const TABS = ["report", "tasks", "waiting"];

/** @param {string} tab */
function show(tab) {
  for (const name of TABS) {
    byId(name).hidden = name !== tab;
    byId(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
  }
  history.replaceState(null, "", `${location.pathname}${location.search}#${tab}`);
  window.scrollTo(0, 0);
}

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  let session;
  try {
    session = await getJSON("/api/session");
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      location.replace(`/login?next=${encodeURIComponent("/field" + location.hash)}`);
      return;
    }
    throw error;
  }
  // once it is known who is signed in: what is kept is the page, not the way to sign in
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/field/worker.js", { scope: "/field" }).catch((error) => console.warn(error));
  } else say(t("field.noWorker"), { kind: "error" });
  const [district, classes] = await Promise.all([getJSON("/api/district"), getJSON("/api/classes")]);
  app.district = district;
  setTimezone(district.timezone);
  byId("who").textContent = `${session.display_name || session.name} · ${pick(session.role_name)}`;
  byId("illustrative").hidden = !district.illustrative;
  const edit = startReport(byId("report"), classes.items, session, () => show("waiting"));
  startWaiting(byId("waiting"), async (draft) => { await edit(draft); show("report"); });
  const refresh = startTasks(byId("tasks"), session);
  const count = async () => {
    const n = (await drafts()).length;
    fill(byId("waiting-count"), n ? number(n) : "");
  };
  onOutbox(() => void count());
  void count();
  startOutbox((code, draft) => {
    say(t("field.sent", { what: draft.what, code }), { seconds: 8 });
    void refresh();
  });
  network();
  window.addEventListener("online", network);
  window.addEventListener("offline", network);
  for (const tab of document.querySelectorAll("[data-tab]")) {
    tab.addEventListener("click", () => {
      const name = /** @type {HTMLElement} */ (tab).dataset.tab ?? "";
      show(name);
      if (name === "tasks") void refresh();
    });
  }
  byId("sign-out").addEventListener("click", leave);
  const wanted = location.hash.slice(1);
  show(TABS.includes(wanted) ? wanted : TABS[0]);
  document.body.classList.add("ready");
}

function network() {
  const box = byId("network");
  box.dataset.state = navigator.onLine ? "on" : "off";
  fill(box, h("span", { class: "dot", "aria-hidden": "true" }), t(navigator.onLine ? "field.online" : "field.offline"));
}

async function leave() {
  const waiting = (await drafts()).length;
  if (waiting && !confirm(t("field.signOutWaiting", { n: waiting }))) return;
  await signOut("/login?next=/field", () => navigator.serviceWorker?.controller?.postMessage("forget"));
}

start().catch((error) => complain(t("field.title"), error, () => location.reload()));
