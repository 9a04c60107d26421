/** Starts the page: who is signed in, what there is, then list, map and filters. */

import { account, signOut } from "../account.js";
import { getJSON } from "../api.js";
import { app } from "../app.js";
import { inOtherLanguage } from "../asked.js";
import { byId, fill, h } from "../dom.js";
import { addDays, isoDay, language, pick, setLanguage, setTimezone, t } from "../i18n.js";
import { canDraw } from "../map.js";
import { notice } from "../messages.js";
import { closeGrid, openGrid } from "./card.js";
import { startGround } from "./ground.js";
import { startList } from "./list.js";
import { loadView } from "./load.js";
import { ask, load, plan, readLink } from "./plan.js";
import { compareView } from "./compare.js";
import { startFollowing } from "./following.js";
import { printSheets } from "./print.js";
import { replayView } from "./replay.js";
import { sumsView } from "./sums.js";
import { swathView } from "./swath.js";
import { openUpload } from "./upload.js";
import { startViews } from "./views.js";

/** @type {{code: string, name: string, squad: string|null, active: boolean}[]} */
let officers = [];

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const some = (/** @type {string} */ path) => getJSON(path).then(({ items }) => items);
  [app.district, app.layers, app.style, plan.squads, officers] = await Promise.all([
    getJSON("/api/district"), some("/api/layers"), getJSON("/styles/map.json"), some("/api/squads"), some("/api/officers"),
  ]);
  setTimezone(app.district.timezone);
  head();
  readLink();
  filters();
  startList((code) => void openGrid(code));
  if (app.district.bbox && canDraw()) await startGround((code) => void openGrid(code));
  else byId("map").append(h("p", { class: "no-map", text: t(app.district.bbox ? "error.webgl" : "empty.title") }));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeGrid(); });
  byId("print").addEventListener("click", () => void printSheets(toPrint(), byId("print-officers").checked));
  byId("upload")?.addEventListener("click", () => openUpload(officers));
  byId("print").disabled = true; // there is nothing on the sheets yet
  await load();
  byId("print").disabled = false;
  const open = (/** @type {string} */ code) => void openGrid(code);
  startViews([
    { id: "gaps", open: () => {} }, compareView(open), { ...swathView(open), permission: "track.read" },
    { ...replayView(), permission: "track.read" }, sumsView(), loadView(),
  ]);
  startFollowing();
  document.body.classList.add("ready");
}

/** The squad asked for, or all that something is shown of. */
function toPrint() {
  const { squad } = plan.asked;
  const seen = new Set(plan.items.flatMap((item) => [item.squad, ...plan.squads.filter((one) => one.streets.includes(item.street ?? "")).map((one) => one.code)]));
  return plan.squads
    .filter((one) => (squad ? one.code === squad : seen.has(one.code)))
    .map((one) => ({ ...one, name: language() === "zh" ? one.name : one.name_en }));
}

function head() {
  byId("district").textContent = pick(app.district.title);
  byId("illustrative").hidden = !app.district.illustrative;
  byId("account").textContent = account?.display_name ?? "";
  byId("approval").textContent = [
    app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number }), "MapLibre",
  ].filter(Boolean).join(" · ");
  byId("sign-out").addEventListener("click", () => signOut("/login?next=/coverage"));
  byId("language").addEventListener("click", (/** @type {any} */ event) => {
    event.currentTarget.href = inOtherLanguage();
  });
}

function filters() {
  const { asked } = plan;
  const option = (/** @type {string} */ value, /** @type {string} */ text, /** @type {string} */ chosen) =>
    h("option", { value, text, selected: value === chosen });
  const people = () => fill(byId("officer"), option("", t("coverage.all"), plan.asked.officer), officers
    .filter((one) => one.active && (!plan.asked.squad || one.squad === plan.asked.squad))
    .map((one) => option(one.code, `${one.name} ${one.code}`, plan.asked.officer)));
  fill(byId("squad"), option("", t("coverage.all"), asked.squad), plan.squads.map((one) =>
    option(one.code, language() === "zh" ? one.name : one.name_en, asked.squad)));
  people();
  byId("squad").addEventListener("change", () => {
    plan.asked.squad = byId("squad").value;
    plan.asked.officer = "";
    people();
    closeGrid();
    void ask({});
  });
  byId("officer").addEventListener("change", () => { closeGrid(); void ask({ officer: byId("officer").value }); });
  byId("from").value = asked.from;
  byId("to").value = asked.to;
  byId("to").max = isoDay(new Date());
  for (const name of ["from", "to"]) {
    byId(name).addEventListener("change", () => {
      const [from, to] = [byId("from").value, byId("to").value];
      if (!from || !to) return;
      // the other end moves along rather than that nothing is left
      if (from > to && name === "from") byId("to").value = from;
      if (from > to && name === "to") byId("from").value = addDays(to, -29);
      void ask({ from: byId("from").value, to: byId("to").value });
    });
  }
  byId("filters").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
}

start().catch((error) => {
  console.warn(error);
  notice(t("coverage.failed"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
