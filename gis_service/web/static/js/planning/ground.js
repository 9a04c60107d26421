/** The map: communities by how often they are among the first, the chosen outlined, places as numbers. */

import { app } from "../app.js";
import { byId } from "../dom.js";
import { groundView, mapButtons } from "../ground_view.js";
import { t } from "../i18n.js";
import { compare, onPlan, plan } from "./plan.js";
import { LETTERS } from "./table.js";

const FONT = ["Medium", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC"];
/** The legend, in its order. */
export const STEPS = /** @type {const} */ (["always", "usually", "fragile", "seldom", "none", "chosen"]);
/** A colour of the legend, from the style sheet. @param {string} name */
const colourOf = (name) => getComputedStyle(document.body).getPropertyValue(`--step-${name}`).trim();

/** @type {any} the answer of a round that is looked at, instead of what is asked just now */
let looked = null;
/** @type {string[]|null} whom people chose, which need not be who is first */
let decided = null;

/** @param {any} round or null: what is asked just now */
export function lookAt(round) {
  looked = round?.answer ?? null;
  decided = round?.choices.length ? round.choices.map((/** @type {any} */ one) => one.community.code) : null;
  byId("legend-chosen").textContent = t(decided ? "planning.legend.decided" : "planning.legend.chosen");
  if (app.main) colour();
}

const shownAnswer = () => looked ?? plan.answer;

export async function startGround() {
  app.main = await groundView(byId("map"), {
    padding: 30, label: t("planning.mapLabel"), drawn: (layer) => layer.group === "basemap" || ["street", "community"].includes(layer.id),
  });
  const { map } = app.main;
  mapButtons(map, home);
  // the places of communities stand where streets have their names
  for (const layer of map.getStyle().layers) {
    if (layer.type === "symbol" && layer.source === "street") map.setLayoutProperty(layer.id, "visibility", "none");
  }
  const source = { source: "community", "source-layer": "community" };
  map.addLayer({ id: "planning-fill", type: "fill", ...source, paint: { "fill-color": colourOf("none"), "fill-opacity": 0.72 } }, app.main.firstOf("line"));
  const line = { type: "line", ...source, layout: { "line-join": "round" }, filter: ["in", ["get", "code"], ["literal", []]] };
  map.addLayer({ id: "planning-chosen", ...line, paint: { "line-color": colourOf("chosen"), "line-width": 4, "line-offset": 1.5 } });
  map.addLayer({ id: "planning-compared", ...line, paint: { "line-color": "#111820", "line-width": 2, "line-dasharray": [2, 1.5] } });
  map.addLayer({
    id: "planning-rank", type: "symbol", source: "community", "source-layer": "community_label",
    layout: {
      "text-field": "", "text-font": FONT, "text-size": ["interpolate", ["linear"], ["zoom"], 11, 13, 15, 20],
      "text-allow-overlap": true, "text-ignore-placement": true, "text-offset": [0, -1.3],
    },
    paint: { "text-color": "#111820", "text-halo-color": "#ffffff", "text-halo-width": 2.2 },
  });
  map.on("click", "planning-fill", (/** @type {any} */ event) => {
    const code = event.features?.[0]?.properties.code;
    if (code && ranked().has(code)) compare(code);
  });
  map.on("mousemove", "planning-fill", () => { map.getCanvas().style.cursor = "pointer"; });
  map.on("mouseleave", "planning-fill", () => { map.getCanvas().style.cursor = ""; });
  onPlan(colour);
}

export const home = () => app.district.bbox && fit(app.district.bbox);

/** @param {number[]} bbox @param {boolean} [atOnce] */
export function fit([west, south, east, north], atOnce = false) {
  app.main.map.fitBounds([[west, south], [east, north]], { padding: 36, animate: !atOnce });
}

/** @returns {Map<string, any>} */
const ranked = () => new Map((shownAnswer()?.items ?? []).map((/** @type {any} */ item) => [item.community.code, item]));

/** @param {(item: any) => any} of @param {any} otherwise */
function matched(of, otherwise) {
  const pairs = [...ranked()].flatMap(([code, item]) => [code, of(item)]);
  return pairs.length ? ["match", ["get", "code"], ...pairs, otherwise] : otherwise;
}

function colour() {
  const { map } = app.main;
  map.setPaintProperty("planning-fill", "fill-color", matched((item) => colourOf(item.standing), colourOf("none")));
  map.setLayoutProperty("planning-rank", "text-field", matched((item) => {
    const at = plan.compared.indexOf(item.community.code);
    return `${item.rank}${at >= 0 ? ` ${LETTERS[at]}` : ""}`;
  }, ""));
  const chosen = decided ?? (shownAnswer()?.items ?? []).filter((/** @type {any} */ item) => item.chosen).map((/** @type {any} */ item) => item.community.code);
  map.setFilter("planning-chosen", ["in", ["get", "code"], ["literal", chosen]]);
  map.setFilter("planning-compared", ["in", ["get", "code"], ["literal", plan.compared]]);
}

/** The map as a picture, once its tiles are there. @returns {Promise<string|null>} */
export async function picture() {
  if (!app.main) return null;
  home();
  const { map } = app.main;
  await Promise.race([new Promise((done) => { map.once("idle", done); }), new Promise((done) => { setTimeout(done, 8000); })]);
  return app.main.picture();
}
