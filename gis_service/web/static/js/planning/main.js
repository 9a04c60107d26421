/** Starts the page: figures, question, ranking, map, and its parts by the address. */

import { account, may, signOut } from "../account.js";
import { getJSON, send } from "../api.js";
import { app } from "../app.js";
import { inOtherLanguage } from "../asked.js";
import { byId, h } from "../dom.js";
import { pick, setLanguage, setTimezone, t } from "../i18n.js";
import { canDraw } from "../map.js";
import { complain, notice, say } from "../messages.js";
import { startCompare } from "./compare.js";
import { startControls } from "./controls.js";
import { lookAt, startGround } from "./ground.js";
import { load, readLink } from "./plan.js";
import { showReview } from "./review.js";
import { showRounds, startRecording } from "./rounds.js";
import { showSiting } from "./siting.js";
import { startTable } from "./table.js";

const TABS = ["choose", "rounds", "siting", "review"];

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const some = (/** @type {string} */ path) => getJSON(path).then(({ items }) => items);
  [app.district, app.layers, app.style] = await Promise.all([getJSON("/api/district"), some("/api/layers"), getJSON("/styles/map.json")]);
  setTimezone(app.district.timezone);
  head();
  if (!part().number && part().tab === "choose") readLink();
  startControls();
  startTable();
  startCompare();
  startRecording();
  ownIndicators();
  if (app.district.bbox && canDraw()) await startGround();
  else byId("map").append(h("p", { class: "no-map", text: t(app.district.bbox ? "error.webgl" : "empty.title") }));
  window.addEventListener("hashchange", open);
  for (const tab of TABS) byId(`tab-${tab}`).addEventListener("click", () => { location.hash = tab === "choose" ? "#" : `#${tab}`; });
  await load();
  open();
  document.body.classList.add("ready");
}

/** Which part of the page the address asks for. */
function part() {
  const hash = location.hash.slice(1);
  const number = Number(/^round=(\d+)$/.exec(hash)?.[1] ?? 0) || null;
  return { tab: number ? "rounds" : TABS.includes(hash) ? hash : "choose", number };
}

function open() {
  const { tab, number } = part();
  document.body.dataset.tab = tab;
  for (const one of TABS) {
    byId(`tab-${one}`).setAttribute("aria-selected", String(one === tab));
    byId(one).hidden = one !== tab;
  }
  lookAt(null);
  if (tab === "rounds") void showRounds(number);
  if (tab === "siting") void showSiting();
  if (tab === "review") void showReview();
  app.main?.map.resize();
}

function ownIndicators() {
  byId("own").hidden = !may("planning.manage");
  byId("own-file").addEventListener("change", async (/** @type {any} */ event) => {
    const [file] = event.target.files;
    if (!file) return;
    const body = new FormData();
    body.append("file", file);
    body.append("group", byId("own-group").value);
    for (const name of ["from", "to", "least"]) if (byId(`own-${name}`).value) body.append(name, byId(`own-${name}`).value);
    try {
      const found = await send("POST", "/api/planning/own-indicators", body);
      say(t("planning.ownLoaded", { n: found.loaded }));
      await load();
    } catch (error) {
      complain(t("planning.own"), error);
    }
    event.target.value = "";
  });
}

function head() {
  byId("district").textContent = pick(app.district.title);
  byId("illustrative").hidden = !app.district.illustrative;
  byId("account").textContent = account?.display_name ?? "";
  byId("approval").textContent = [
    app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number }), "MapLibre",
  ].filter(Boolean).join(" · ");
  byId("sign-out").addEventListener("click", () => signOut("/login?next=/planning"));
  byId("language").addEventListener("click", (/** @type {any} */ event) => {
    event.currentTarget.href = inOtherLanguage();
  });
}

start().catch((error) => {
  console.warn(error);
  notice(t("planning.failed"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
