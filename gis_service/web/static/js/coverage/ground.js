/** The map: every grid in the pattern of its gravest state, with the state's letter. */

import { app } from "../app.js";
import { byId } from "../dom.js";
import { groundView, mapButtons } from "../ground_view.js";
import { t } from "../i18n.js";
import { onPlan, plan, worst } from "./plan.js";
import { draw, imageName, letter, LOOKS } from "./states.js";

const SHOWN = ["basemap", "areas"];
const FONT = ["Medium", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC"];
const BLANK = "coverage-blank";

/** @type {Set<string>|null} grids of a contract that is being drawn up */
let chosen = null;
/** @type {(code: string) => void} */
let toggle = () => {};
/** @type {[number, number][]|null} corners (WGS84) of a polygon that is being drawn */
let corners = null;
/** @type {Map<string, {look: string, letter: string}>|null} what another view draws instead of states */
let painted = null;

/** @param {(code: string) => void} open what a click on a grid does */
export async function startGround(open) {
  app.main = await groundView(byId("map"), {
    padding: 30, label: t("coverage.mapLabel"),
    // outlines of buildings would hide the patterns
    drawn: (layer) => SHOWN.includes(layer.group) && layer.id !== "building",
  });
  const { map } = app.main;
  Object.assign(window, { gisMap: map }); // tests and the curious ask the map through this
  addStates();
  mapButtons(map, home);
  map.on("click", (/** @type {any} */ event) => {
    if (!corners) return;
    corners.push([event.lngLat.lng, event.lngLat.lat]);
    drawCorners();
  });
  map.on("click", "coverage-fill", (/** @type {any} */ event) => {
    const code = event.features?.[0]?.properties.code;
    if (!code || corners) return;
    if (chosen) {
      toggle(code);
      drawChosen();
    } else open(code);
  });
  map.on("mousemove", (/** @type {any} */ event) => {
    const over = map.queryRenderedFeatures(event.point, { layers: ["coverage-fill"] }).length > 0;
    map.getCanvas().style.cursor = over ? "pointer" : "";
  });
  onPlan(colour);
}

export const home = () => app.district.bbox && fit(app.district.bbox);

/** @param {number[]} bbox @param {boolean} [atOnce] */
export function fit([west, south, east, north], atOnce = false) {
  const card = byId("grid-card").offsetWidth; // 0 while hidden
  app.main.map.fitBounds([[west, south], [east, north]], {
    padding: { left: 40, top: 40, bottom: 40, right: 60 + card }, maxZoom: 16, animate: !atOnce,
  });
}

function addStates() {
  const { map } = app.main;
  for (const look of Object.keys(LOOKS)) map.addImage(imageName(look), draw(look), { pixelRatio: 2 });
  map.addImage(BLANK, { width: 2, height: 2, data: new Uint8ClampedArray(16) });
  const lines = app.main.firstOf("line");
  map.addLayer({
    id: "coverage-fill", type: "fill", source: "grid", "source-layer": "grid",
    paint: { "fill-pattern": BLANK },
  }, lines);
  map.addLayer({
    id: "coverage-chosen", type: "line", source: "grid", "source-layer": "grid", filter: ["in", ["get", "code"], ["literal", []]],
    layout: { "line-join": "round" }, paint: { "line-color": "#0b57d0", "line-width": 4, "line-offset": 2 },
  });
  map.addLayer({
    id: "coverage-letter", type: "symbol", source: "grid", "source-layer": "grid_label", minzoom: 12.6,
    layout: {
      "text-field": "", "text-font": FONT, "text-size": ["interpolate", ["linear"], ["zoom"], 12.6, 11, 16, 17],
      "text-allow-overlap": true, "text-ignore-placement": true, "text-offset": ["step", ["zoom"], ["literal", [0, 0]], 14.8, ["literal", [0, -1.6]]],
    },
    paint: { "text-color": "#111820", "text-halo-color": "#ffffff", "text-halo-width": 2 },
  });
}

/** Clicks draw a polygon until {@link endPolygon}. */
export function beginPolygon() {
  corners = [];
  drawCorners();
}

/**
 * Ends the polygon. @returns {string[]} grids in sight whose middle lies in it
 */
export function endPolygon() {
  const drawn = corners ?? [];
  corners = null;
  drawCorners();
  if (drawn.length < 3) return [];
  const labels = app.main.map.querySourceFeatures("grid", { sourceLayer: "grid_label" });
  return [...new Set(labels.filter((/** @type {any} */ one) => inside(one.geometry.coordinates, drawn)).map((/** @type {any} */ one) => one.properties.code))];
}

/** Whether a ray from a point leaves the polygon an odd number of times. @param {number[]} point @param {[number, number][]} ring */
function inside([x, y], ring) {
  let odd = false;
  ring.forEach(([ax, ay], i) => {
    const [bx, by] = ring[(i + 1) % ring.length];
    if ((ay > y) !== (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

function drawCorners() {
  const map = app.main?.map;
  if (!map) return;
  const ring = corners?.length ? [...corners, corners[0]] : [];
  const shape = { type: "FeatureCollection", features: [
    ...(ring.length > 2 ? [{ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: ring } }] : []),
    ...(corners ?? []).map((corner) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: corner } })),
  ] };
  if (map.getSource("coverage-drawn")) {
    map.getSource("coverage-drawn").setData(shape);
    return;
  }
  map.addSource("coverage-drawn", { type: "geojson", data: shape });
  map.addLayer({ id: "coverage-drawn", type: "line", source: "coverage-drawn", paint: { "line-color": "#0b57d0", "line-width": 2.5, "line-dasharray": [2, 1] } });
  map.addLayer({ id: "coverage-corners", type: "circle", source: "coverage-drawn", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#fff", "circle-radius": 5, "circle-stroke-color": "#0b57d0", "circle-stroke-width": 2 } });
}

/**
 * While a contract is drawn up a click on a grid goes to `onToggle`, and `grids` are outlined.
 * @param {Set<string>|null} grids null: as always @param {(code: string) => void} [onToggle]
 */
export function choose(grids, onToggle = () => {}) {
  chosen = grids;
  toggle = onToggle;
  corners = null;
  drawCorners();
  drawChosen();
}

export function drawChosen() {
  app.main?.map.setFilter("coverage-chosen", ["in", ["get", "code"], ["literal", [...(chosen ?? [])]]]);
}

/**
 * Draws the grids as another view wants them; null: by their states again.
 * @param {Map<string, {look: string, letter: string}>|null} marks by code of the grid
 */
export function paint(marks) {
  painted = marks;
  if (app.main) colour();
}

/** Every grid in the look of its gravest state. */
function byState() {
  /** @type {Map<string, {look: string, letter: string}>} */
  const found = new Map();
  for (const [code, item] of worst()) {
    if (plan.only && item.state !== plan.only) continue;
    found.set(code, { look: item.state, letter: item.state === "overdue" ? `+${item.overdue_days}` : letter(item.state) });
  }
  return found;
}

/** Codes by what `of` says of their mark, as a match expression. @param {Map<string, any>} marks @param {(mark: any) => string} of @param {string} otherwise */
function matched(marks, of, otherwise) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const [code, mark] of marks) {
    const value = of(mark);
    if (value) groups.set(value, [...(groups.get(value) ?? []), code]);
  }
  if (!groups.size) return otherwise;
  return ["match", ["get", "code"], ...[...groups].flatMap(([value, codes]) => [codes, value]), otherwise];
}

function colour() {
  const { map } = app.main;
  const marks = painted ?? byState();
  map.setPaintProperty("coverage-fill", "fill-pattern", matched(marks, (mark) => imageName(mark.look), BLANK));
  map.setLayoutProperty("coverage-letter", "text-field", matched(marks, (mark) => mark.letter, ""));
}
