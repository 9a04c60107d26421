/** Duty: the roster, who is away, the officers' phones, the working calendar, and what nobody answers for. */

import { may } from "../account.js";
import { getJSON } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { pick, setLanguage, setTimezone, t } from "../i18n.js";
import { complain, notice } from "../messages.js";
import { openAbsences } from "./absences.js";
import { openCalendar } from "./calendar.js";
import { openDevices } from "./devices.js";
import { keepAddress, named, setScopes, staff } from "./people.js";
import { openRoster } from "./roster.js";
import { openUnanswered } from "./unanswered.js";

/** @type {{id: string, permission: string, open: (view: HTMLElement) => Promise<void>}[]} */
const TABS = [
  { id: "roster", permission: "roster.read", open: openRoster },
  { id: "absences", permission: "contract.read", open: openAbsences },
  { id: "devices", permission: "device.manage", open: openDevices },
  { id: "calendar", permission: "reference.manage", open: openCalendar },
  { id: "unanswered", permission: "incident.read", open: openUnanswered },
];
/** @type {typeof TABS} those the account may read */
let tabs = [];

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const some = (/** @type {string} */ path, query = {}) => getJSON(path, query).then((answer) => answer.items);
  const [district, session, streets, squads, units, officers] = await Promise.all([
    getJSON("/api/district"), getJSON("/api/session"), some("/api/areas/street", { limit: 1000 }), some("/api/squads"), some("/api/units"),
    may("contract.read") ? some("/api/officers") : [],
  ]);
  app.district = district;
  Object.assign(staff, { streets, squads: squads.map(named), units: units.map(named), officers });
  setScopes(session.scopes);
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  tabs = TABS.filter(({ permission }) => may(permission));
  fill(byId("tabs"), tabs.map(({ id }) => h("button", {
    type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `view-${id}`, text: t(`duty.tab.${id}`),
    on: { click: () => { location.hash = id; } },
  })));
  fill(byId("views"), tabs.map(({ id }) => h("div", {
    id: `view-${id}`, class: "duty-view", role: "tabpanel", "aria-labelledby": `tab-${id}`, tabIndex: -1, hidden: true,
  })));
  byId("tabs").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const { id } = tabs[(tabs.indexOf(current()) + step + tabs.length) % tabs.length];
    location.hash = id;
    byId(`tab-${id}`).focus();
  });
  window.addEventListener("hashchange", () => void show());
  await show();
  document.body.classList.add("ready");
}

/** @type {typeof TABS[0]|undefined} */
let opened;
/** The tab in the address, else the one that is open, or the first. */
const current = () => tabs.find(({ id }) => id === location.hash.slice(1)) ?? opened ?? tabs[0];

async function show() {
  const wanted = current();
  // the skip link leads to no tab: the address keeps the one that is open
  if (location.hash && location.hash !== `#${wanted.id}`) history.replaceState(null, "", `#${wanted.id}`);
  if (wanted === opened) return;
  opened = wanted;
  const { id: open } = opened;
  for (const { id } of tabs) {
    byId(`view-${id}`).hidden = id !== open;
    byId(`tab-${id}`).setAttribute("aria-selected", String(id === open));
    byId(`tab-${id}`).tabIndex = id === open ? 0 : -1;
  }
  keepAddress();
  try {
    await opened.open(byId(`view-${open}`));
  } catch (error) {
    complain(t(`duty.tab.${open}`), error, () => { opened = undefined; void show(); });
  }
}

start().catch((error) => {
  console.warn(error);
  if (error.status === 401) complain("", error);
  else notice(t("duty.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
