/** The map: the chosen campaign's grids, those it is compared with, and the ring between. */

import { ScaleControl } from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { app } from "../app.js";
import { byId } from "../dom.js";
import { pick, t } from "../i18n.js";
import { MapView } from "../map.js";
import { complain } from "../messages.js";
import { ordered } from "../style.js";
import { tileSource } from "../tiles.js";

const SHOWN = ["basemap", "areas"];
const PARTS = {
  compared: ["#5a9bcb", "#2f6f9f", 0.4, [1, 0]],
  near: ["#f0be5a", "#a06a00", 0.35, [3, 2]],
  treated: ["#7b4fb3", "#5a2f96", 0.45, [1, 0]],
};
/** @type {((at: {lon: number, lat: number}, grid: string|null) => void)|null} */
let pen = null;

/** @param {(campaign: string) => void} open what a click on a campaign does */
export async function startGround(open) {
  app.style = ordered(app.style, app.layers);
  app.main = new MapView(byId("map"), {
    style: app.style,
    tiles: Object.fromEntries(app.layers.map((layer) => [layer.id, tileSource(layer)])),
    shown: Object.fromEntries(app.layers.map((layer) => [layer.id, {
      on: (SHOWN.includes(layer.group) && layer.id !== "building") || layer.id === "campaigns", opacity: 1,
    }])),
    camera: null,
    bounds: /** @type {any} */ (app.district.bbox),
    padding: 24,
  });
  const { map } = app.main;
  map.addControl(new ScaleControl({ maxWidth: 90, unit: "metric" }), "bottom-left");
  map.on("error", (/** @type {any} */ event) => {
    const layer = app.layers.find((item) => item.id === event.sourceId);
    complain(layer ? pick(layer.title) : t("map.what"), new Error(t("error.tiles")), layer && (() => app.main.renew(layer.id)));
    console.warn(event.error?.message ?? "map error");
  });
  map.getCanvas().setAttribute("aria-label", t("campaigns.mapLabel"));
  await app.main.ready;
  const labels = app.main.firstOf("symbol");
  for (const [part, [fill, line, opacity, dash]] of Object.entries(PARTS)) {
    const facts = { source: "campaign_effect", "source-layer": "campaign_effect", filter: none() };
    map.addLayer({ id: `part-${part}`, type: "fill", ...facts, paint: { "fill-color": fill, "fill-opacity": opacity } }, labels);
    map.addLayer({ id: `part-${part}-line`, type: "line", ...facts, paint: { "line-color": line, "line-width": 1.6, "line-dasharray": dash } }, labels);
  }
  map.addLayer({
    id: "drawn-grids", type: "line", source: "grid", "source-layer": "grid", filter: ["in", ["get", "code"], ["literal", []]],
    paint: { "line-color": "#0b57d0", "line-width": 4, "line-offset": 2 },
  });
  map.addSource("drawn", { type: "geojson", data: shape([]) });
  map.addLayer({ id: "drawn-fill", type: "fill", source: "drawn", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": "#0b57d0", "fill-opacity": 0.18 } });
  map.addLayer({ id: "drawn-line", type: "line", source: "drawn", paint: { "line-color": "#0b57d0", "line-width": 2 } });
  map.addLayer({ id: "drawn-corner", type: "circle", source: "drawn", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#fff", "circle-radius": 5, "circle-stroke-color": "#0b57d0", "circle-stroke-width": 2 } });
  // a fill that can be clicked where nothing is drawn
  map.addLayer({ id: "grid-click", type: "fill", source: "grid", "source-layer": "grid", paint: { "fill-opacity": 0 } });
  byId("map-in").addEventListener("click", () => map.zoomIn());
  byId("map-out").addEventListener("click", () => map.zoomOut());
  byId("map-home").addEventListener("click", () => app.district.bbox && fit(app.district.bbox));
  map.on("click", (/** @type {any} */ event) => {
    const found = (/** @type {string} */ layer) => map.queryRenderedFeatures(event.point, { layers: [layer] })[0]?.properties;
    if (pen) pen({ lon: event.lngLat.lng, lat: event.lngLat.lat }, found("grid-click")?.code ?? null);
    else if (found("campaigns-fill")) open(found("campaigns-fill").campaign);
  });
  map.on("mousemove", (/** @type {any} */ event) => {
    const over = !pen && map.queryRenderedFeatures(event.point, { layers: ["campaigns-fill"] }).length > 0;
    map.getCanvas().style.cursor = pen ? "crosshair" : over ? "pointer" : "";
  });
}

const none = () => ["==", ["get", "campaign"], ""];

/** @param {number[]} bbox */
export function fit([west, south, east, north]) {
  app.main?.map.fitBounds([[west, south], [east, north]], { padding: 50, maxZoom: 15.5 });
}

/**
 * Draws the parts of one campaign instead of all campaigns; null: all.
 * @param {any} found an answer of /effect @param {any} campaign
 */
export function showParts(found, campaign) {
  if (!app.main) return;
  const { map } = app.main;
  const measured = Boolean(found?.windows && found.treated.grids.length);
  byId("legend").hidden = !measured;
  for (const part of Object.keys(PARTS)) {
    const filter = measured ? ["all", ["==", ["get", "campaign"], found.code], ["==", ["get", "part"], part]] : none();
    map.setFilter(`part-${part}`, filter);
    map.setFilter(`part-${part}-line`, filter);
  }
  const own = campaign ? ["==", ["get", "campaign"], campaign.code] : ["has", "campaign"];
  map.setFilter("campaigns-fill", measured ? none() : own);
  map.setFilter("campaigns-line", measured ? none() : own);
  if (measured) {
    // what was measured just now may differ from the tiles that are here
    window.setTimeout(() => app.main.renew("campaign_effect"), 600);
  }
  if (campaign?.bbox) fit(campaign.bbox);
}

/** New tiles of campaigns, once the service has heard of a change. */
export const renewed = () => window.setTimeout(() => app.main?.renew("campaigns"), 1200);

/** What a click on the map does while something is drawn up; null: as always.
 * @param {((at: {lon: number, lat: number}, grid: string|null) => void)|null} use */
export function take(use) {
  pen = use;
  if (!use) draw([], []);
}

/** @param {Iterable<string>} grids codes @param {[number, number][]} corners of a polygon */
export function draw(grids, corners) {
  app.main?.map.setFilter("drawn-grids", ["in", ["get", "code"], ["literal", [...grids]]]);
  /** @type {any} */ (app.main?.map.getSource("drawn"))?.setData(shape(corners));
}

/** @param {[number, number][]} corners */
function shape(corners) {
  const feature = (/** @type {string} */ type, /** @type {any} */ coordinates) => ({ type: "Feature", properties: {}, geometry: { type, coordinates } });
  return {
    type: "FeatureCollection",
    features: [
      ...(corners.length > 2 ? [feature("Polygon", [[...corners, corners[0]]])] : []),
      ...(corners.length > 1 ? [feature("LineString", corners)] : []),
      ...corners.map((corner) => feature("Point", corner)),
    ],
  };
}
