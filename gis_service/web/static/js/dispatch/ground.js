/** The map in the middle: the incidents of the list, what is open in the drawer, and picking a place. */

import { Marker } from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { app } from "../app.js";
import { byId, debounce, fill, h } from "../dom.js";
import { groundView, mapButtons } from "../ground_view.js";
import { number, t } from "../i18n.js";
import { now } from "./clock.js";
import { ask, desk, on, open, rowOf } from "./desk.js";
import { drawMark, markOf, MARKS } from "./marks.js";
import { className } from "./names.js";
import { isOpen, isOverdue } from "./query.js";

const SOURCE = "desk";
const FONT = ["Medium", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC"];
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
/** @type {((at: {lon: number, lat: number}|null) => void)|null} */
let picking = null;
/** @type {any[]} markers of places to choose from */
let markers = [];

export async function startGround() {
  app.main = await groundView(byId("map"), { padding: padding(), label: t("map.label") });
  const { map } = app.main;
  addIncidents();
  legend();
  mapButtons(map, () => { if (app.district.bbox) fit(app.district.bbox); });
  map.on("click", clicked);
  map.on("mousemove", pointed);
  map.on("moveend", debounce(() => desk.filters.bbox && ask({ filters: { bbox: app.main.bbox } }), 400));
  const draw = debounce(drawRows, 120);
  on("rows", draw);
  on("moved", () => { mark(); });
  window.setInterval(draw, 30_000); // what becomes overdue meanwhile
}

/** @returns {{left: number, right: number, top: number, bottom: number}} */
function padding() {
  const covered = Math.max(byId("case").offsetWidth, byId("report").offsetWidth); // 0 while hidden
  return { left: 70, right: covered ? covered + 40 : 60, top: 60, bottom: 50 };
}

function addIncidents() {
  const { map } = app.main;
  for (const name of MARKS) {
    const canvas = drawMark(name);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    map.addImage(`mark-${name}`, pen.getImageData(0, 0, canvas.width, canvas.height), { pixelRatio: 2 });
  }
  map.addSource(SOURCE, {
    type: "geojson", data: collection(), cluster: true, clusterRadius: 40, clusterMaxZoom: 14,
    clusterProperties: {
      open: ["+", ["get", "open"]], urgent: ["+", ["get", "urgent"]], late: ["+", ["get", "late"]],
    },
  });
  const alarming = [">", ["+", ["get", "urgent"], ["get", "late"]], 0];
  map.addLayer({
    id: "desk-cluster", type: "circle", source: SOURCE, filter: ["has", "point_count"],
    paint: {
      "circle-color": ["case", [">", ["get", "open"], 0], "#b3471b", "#33737a"],
      "circle-radius": ["interpolate", ["linear"], ["sqrt", ["get", "point_count"]], 1.4, 12, 5, 16, 15, 23, 40, 30],
      "circle-stroke-color": ["case", alarming, "#8f1414", "#ffffff"],
      "circle-stroke-width": ["case", alarming, 3.5, 2],
    },
  });
  map.addLayer({
    id: "desk-count", type: "symbol", source: SOURCE, filter: ["has", "point_count"],
    layout: {
      "text-field": ["concat", ["to-string", ["get", "point_count"]], ["case", [">", ["get", "urgent"], 0], " !", ""]],
      "text-font": FONT, "text-size": 12.5, "text-allow-overlap": true,
      "text-padding": 9, // names keep clear of the whole circle
    },
    paint: { "text-color": "#ffffff" },
  });
  map.addLayer({
    id: "desk-incident", type: "symbol", source: SOURCE, filter: ["!", ["has", "point_count"]],
    layout: {
      "icon-image": ["concat", "mark-", ["get", "mark"]], "icon-allow-overlap": true, "icon-ignore-placement": true,
      "icon-size": ["interpolate", ["linear"], ["zoom"], 11, 0.75, 15, 1],
      "symbol-sort-key": ["get", "rank"],
      "text-field": ["step", ["zoom"], "", 16, ["get", "name"]], "text-font": FONT, "text-size": 12.5,
      "text-anchor": "left", "text-offset": [1.2, 0], "text-optional": true, "text-max-width": 12,
    },
    paint: { "text-color": "#7c2d0a", "text-halo-color": "#ffffff", "text-halo-width": 2 },
  });
}

/** @returns {any} GeoJSON of the rows that have a position */
function collection() {
  const at = now();
  const features = desk.rows.filter((row) => row.lon !== null).map((row) => {
    const [isOpenRow, late] = [isOpen(row), isOverdue(row, at)];
    const urgent = row.urgent && isOpenRow;
    return {
      type: "Feature",
      geometry: { type: "Point", coordinates: [row.lon, row.lat] },
      properties: {
        id: row.id, name: className(row.class), mark: markOf({ open: isOpenRow, urgent, late }),
        open: Number(isOpenRow), urgent: Number(urgent), late: Number(late),
        rank: Number(isOpenRow) + 2 * Number(late) + 4 * Number(urgent),
      },
    };
  });
  return { type: "FeatureCollection", features };
}

function drawRows() {
  app.main.map.getSource(SOURCE)?.setData(collection());
  const without = desk.rows.filter((row) => row.lon === null).length;
  byId("map-note").textContent = [
    desk.next && t("dispatch.map.first", { n: number(desk.rows.length) }),
    without > 0 && t("dispatch.map.without", { n: number(without) }),
  ].filter(Boolean).join(" · ");
  mark();
}

/** Rings the incident of the drawer, else the one at the cursor. */
function mark() {
  const row = rowOf(desk.open ?? desk.cursor);
  const at = shown ?? (row?.lon !== null && row !== undefined ? [row.lon, row.lat] : null);
  app.main.select(at && { type: "Point", coordinates: at });
}

/** @type {[number, number]|null} where the open incident lies, also when the list has it not */
let shown = null;

/** Rings and approaches the incident of the drawer. @param {{lon: number|null, lat: number|null}|null} item @param {boolean} [go] */
export function showIncident(item, go = false) {
  shown = item && item.lon !== null && item.lat !== null ? [item.lon, item.lat] : null;
  mark();
  if (shown && go) approach(shown[0], shown[1]);
}

/** Moves just when the position is covered or far out. @param {number} lon @param {number} lat */
export function approach(lon, lat) {
  const { map } = app.main;
  const { left, right, top, bottom } = padding();
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const { x, y } = map.project([lon, lat]);
  const zoom = Math.max(map.getZoom(), 15.2);
  const seen = x > left && x < width - right && y > top && y < height - bottom;
  if (seen && map.getZoom() >= 14.5) return;
  map.easeTo({ center: [lon, lat], zoom, offset: [(left - right) / 2, (top - bottom) / 2], duration: still() ? 0 : 500 });
}

/** @param {[number, number, number, number]} box @param {number} [maxZoom] */
function fit([west, south, east, north], maxZoom = 17) {
  app.main.map.fitBounds([[west, south], [east, north]], { padding: padding(), maxZoom, duration: still() ? 0 : 500 });
}

/** @param {any} event */
async function clicked(event) {
  if (picking) {
    picking({ lon: event.lngLat.lng, lat: event.lngLat.lat });
    return;
  }
  const [found] = app.main.map.queryRenderedFeatures(event.point, { layers: ["desk-incident", "desk-cluster"] });
  if (!found) return;
  if (!found.properties.cluster) {
    open(Number(found.properties.id));
    return;
  }
  const zoom = await app.main.map.getSource(SOURCE).getClusterExpansionZoom(found.properties.cluster_id);
  app.main.map.easeTo({ center: found.geometry.coordinates, zoom: Math.min(zoom + 0.3, 19), duration: still() ? 0 : 400 });
}

/** @param {any} event */
function pointed(event) {
  const { map } = app.main;
  const found = !picking && map.queryRenderedFeatures(event.point, { layers: ["desk-incident", "desk-cluster"] })[0];
  map.getCanvas().style.cursor = picking ? "crosshair" : found ? "pointer" : "";
}

/**
 * Asks for a click on the map. Answers with the position (WGS84), or null when it was given up.
 * @param {string} what is to be placed
 * @returns {Promise<{lon: number, lat: number}|null>}
 */
export function pickPlace(what) {
  stopPicking();
  const banner = byId("map-banner");
  banner.hidden = false;
  fill(banner, h("span", { text: t("dispatch.pick", { what }) }),
    h("button", { type: "button", class: "button", text: t("dispatch.cancel"), on: { click: stopPicking } }));
  byId("map").classList.add("picking");
  app.main.map.getCanvas().style.cursor = "crosshair";
  return new Promise((resolve) => {
    picking = (at) => {
      picking = null;
      banner.hidden = true;
      byId("map").classList.remove("picking");
      app.main.map.getCanvas().style.cursor = "";
      resolve(at);
    };
  });
}

/** @returns {boolean} whether a click on the map was being waited for */
export function stopPicking() {
  const was = picking !== null;
  picking?.(null);
  return was;
}

/**
 * Places to choose from, and the chosen one, as pins; the map shows them all.
 * @param {{lon: number, lat: number, label: string, chosen?: boolean, choose?: () => void}[]} places
 */
export function showPlaces(places) {
  for (const marker of markers) marker.remove();
  markers = places.map(({ lon, lat, label, chosen, choose }) => {
    const element = h("button", {
      type: "button", class: `pin${chosen ? " chosen" : ""}`, title: label, "aria-label": label,
      on: { click: (/** @type {MouseEvent} */ event) => { event.stopPropagation(); choose?.(); } },
    }, h("span", {}));
    return new Marker({ element, anchor: "bottom" }).setLngLat([lon, lat]).addTo(app.main.map);
  });
  if (places.length === 1) approach(places[0].lon, places[0].lat);
  else if (places.length) {
    const [lons, lats] = [places.map((place) => place.lon), places.map((place) => place.lat)];
    fit([Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)], 16.2);
  }
}

function legend() {
  fill(byId("legend"), MARKS.map((mark) => h("li", {},
    h("img", { src: drawMark(mark).toDataURL(), alt: "", width: 22, height: 22 }), h("span", { text: t(`dispatch.mark.${mark}`) }))));
}
