/** Accounts: who may sign in, what they may do and where, and the log of what was done. */

import { may } from "../account.js";
import { getJSON } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { pick, setLanguage, setTimezone, t } from "../i18n.js";
import { complain, notice } from "../messages.js";
import { openAudit } from "./audit.js";
import { openList } from "./list.js";
import { asked, loadAccounts, people, readAsked, writeAsked } from "./people.js";
import { loadPlaces } from "./places.js";

/** @type {{id: string, permission: string, open: (view: HTMLElement) => Promise<void>|void}[]} */
const TABS = [
  { id: "list", permission: "account.manage", open: openList },
  { id: "audit", permission: "audit.read", open: openAudit },
];

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, me] = await Promise.all([getJSON("/api/district"), getJSON("/api/session"), loadAccounts(), loadPlaces()]);
  people.own = me.id;
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  readAsked();
  const tabs = TABS.filter(({ permission }) => may(permission));
  fill(byId("tabs"), tabs.map(({ id }) => h("button", {
    type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `view-${id}`, text: t(`accounts.tab.${id}`),
    on: { click: () => show(id) },
  })));
  fill(byId("views"), tabs.map(({ id }) => h("div", {
    id: `view-${id}`, class: "accounts-view", role: "tabpanel", "aria-labelledby": `tab-${id}`, hidden: true,
  })));
  byId("tabs").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(({ id }) => id === asked.tab);
    const { id } = tabs[(at + step + tabs.length) % tabs.length];
    show(id);
    byId(`tab-${id}`).focus();
  });

  /** @param {string} wanted */
  function show(wanted) {
    const opened = tabs.find(({ id }) => id === wanted) ?? tabs[0];
    asked.tab = opened.id;
    for (const { id } of tabs) {
      byId(`view-${id}`).hidden = id !== opened.id;
      byId(`tab-${id}`).setAttribute("aria-selected", String(id === opened.id));
      byId(`tab-${id}`).tabIndex = id === opened.id ? 0 : -1;
    }
    writeAsked();
    return opened.open(byId(`view-${opened.id}`));
  }

  await show(asked.tab);
  document.body.classList.add("ready");
}

start().catch((error) => {
  console.warn(error);
  if (error.status === 401) complain("", error);
  else notice(t("accounts.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
