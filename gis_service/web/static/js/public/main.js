/** The residents' page: report, follow, one's community. */

import { getJSON } from "../api.js";
import { app } from "../app.js";
import { byId } from "../dom.js";
import { pick, setLanguage, setTimezone, t } from "../i18n.js";
import { complain } from "../messages.js";
import { startCommunity } from "./community.js";
import { startFollow } from "./follow.js";
import { startReport } from "./report.js";

const TABS = ["report", "follow", "community"];
const asked = new URLSearchParams(location.search);

/** @param {string} tab */
export function show(tab) {
  for (const name of TABS) {
    byId(name).hidden = name !== tab;
    byId(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
    byId(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
  }
  history.replaceState(null, "", `${location.pathname}${location.search}#${tab}`);
}

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  app.district = await getJSON("/api/district");
  setTimezone(app.district.timezone);
  byId("district").textContent = pick(app.district.title);
  byId("illustrative").hidden = !app.district.illustrative;
  byId("approval").textContent = app.district.map_approval_number ? t("footer.approval", { number: app.district.map_approval_number }) : "";
  const follow = startFollow(byId("follow"));
  await Promise.all([
    startReport(byId("report"), (code) => { show("follow"); void follow(code); }),
    startCommunity(byId("community"), asked.get("community") ?? ""),
  ]);
  for (const tab of document.querySelectorAll("[data-tab]")) {
    tab.addEventListener("click", () => show(/** @type {HTMLElement} */ (tab).dataset.tab ?? ""));
    tab.addEventListener("keydown", (/** @type {any} */ event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {"ArrowLeft"|"ArrowRight"} */ (event.key)];
      if (!step) return;
      const next = TABS[(TABS.indexOf(event.target.dataset.tab) + step + TABS.length) % TABS.length];
      show(next);
      byId(`tab-${next}`).focus();
    });
  }
  const code = asked.get("code");
  const wanted = location.hash.slice(1);
  if (code) void follow(code);
  show(code ? "follow" : asked.get("community") ? "community" : TABS.includes(wanted) ? wanted : TABS[0]);
  // the other language keeps what is open
  byId("language").addEventListener("click", (/** @type {any} */ event) => { event.currentTarget.href += location.hash; });
  document.body.classList.add("ready");
}

start().catch((error) => complain(t("public.title"), error, () => location.reload()));
