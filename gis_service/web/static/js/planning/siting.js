/** Where the next stations would reach most buildings that none is within walking distance of. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { dateTime, number, percent, pick, t } from "../i18n.js";
import { complain, dismiss, say } from "../messages.js";

const POINTS = "planning-sites";
/** @type {any} */
let run = null;

export async function showSiting() {
  try {
    run = (await getJSON("/api/planning/siting")).run;
    draw();
  } catch (error) {
    complain(t("planning.tab.siting"), error, () => void showSiting());
  }
}

function draw() {
  fill(byId("siting"), h("h2", { text: t("planning.tab.siting") }), h("p", { class: "note", text: t("planning.sitingHint") }),
    may("planning.manage") && h("form", { class: "siting-form", on: { submit: (/** @type {any} */ event) => { event.preventDefault(); void compute(); } } },
      h("label", {}, t("planning.stations"), h("input", { class: "field", id: "siting-stations", type: "number", min: "1", max: "20", value: String(run?.question.stations ?? 3) })),
      h("label", {}, t("planning.reach"), h("input", { class: "field", id: "siting-reach", type: "number", min: "100", max: "3000", step: "50", value: String(run?.question.reach_m ?? 500) })),
      h("button", { class: "button primary", id: "siting-run", text: t("planning.compute") })),
    run ? answer() : h("p", { class: "none", text: t("planning.noSiting") }));
  mark();
}

function answer() {
  const { answer: found } = run;
  return h("div", { class: "siting-answer" },
    h("p", { text: t(`planning.distance.${found.distance}`) }),
    found.warnings.map((/** @type {any} */ one) => h("p", { class: "warning", text: pick(one) })),
    h("p", {}, h("b", { text: t("planning.reached", { before: percent(found.reached_before / Math.max(found.buildings, 1)), after: percent(found.reached_after / Math.max(found.buildings, 1)), of: found.buildings, existing: found.existing }) })),
    h("table", {}, h("thead", {}, h("tr", {}, ["place", "community", "covered", "position"].map((name) => h("th", { scope: "col", text: t(`planning.site.${name}`) })))),
      h("tbody", {}, found.sites.map((/** @type {any} */ one) => h("tr", {}, h("td", { class: "rank", text: number(one.place) }), h("td", { text: one.community?.name ?? "—" }),
        h("td", { text: number(one.covered) }), h("td", { text: `${one.lon.toFixed(5)}, ${one.lat.toFixed(5)}` }))))),
    h("p", { class: "note", text: t("planning.sitingMade", { who: run.created_by, when: dateTime(run.created_at), solver: found.solver }) }));
}

async function compute() {
  const body = { stations: Number(byId("siting-stations").value), reach_m: Number(byId("siting-reach").value) };
  byId("siting-run").disabled = true;
  say(t("planning.computing"), { key: "siting", seconds: 120 });
  try {
    run = (await send("POST", "/api/planning/siting", body)).run;
    draw();
  } catch (error) {
    complain(t("planning.tab.siting"), error);
  }
  dismiss("siting");
  byId("siting-run").disabled = false;
}

/** The proposed places on the map. */
function mark() {
  const map = app.main?.map;
  if (!map) return;
  const data = { type: "FeatureCollection", features: (run?.answer.sites ?? []).map((/** @type {any} */ one) => ({
    type: "Feature", geometry: { type: "Point", coordinates: [one.lon, one.lat] }, properties: { place: String(one.place) },
  })) };
  const source = map.getSource(POINTS);
  if (source) { source.setData(data); return; }
  map.addSource(POINTS, { type: "geojson", data });
  map.addLayer({ id: POINTS, type: "circle", source: POINTS, paint: { "circle-radius": 13, "circle-color": "#d9480f", "circle-stroke-color": "#ffffff", "circle-stroke-width": 2.5 } });
  map.addLayer({ id: `${POINTS}-text`, type: "symbol", source: POINTS, layout: { "text-field": ["get", "place"], "text-font": ["Medium", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC"], "text-size": 15, "text-allow-overlap": true }, paint: { "text-color": "#ffffff" } });
}
