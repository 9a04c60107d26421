/** A small map to tap on, fetched only by who asks for it. */

import { Marker } from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { getJSON } from "./api.js";
import { app } from "./app.js";
import { t } from "./i18n.js";
import { canDraw, MapView } from "./map.js";
import { ordered } from "./style.js";
import { tileSource } from "./tiles.js";

/**
 * @param {HTMLElement} container
 * @param {(at: {lon: number, lat: number}) => void} tapped a position in WGS84
 * @param {string[]} [groups] groups of layers to draw
 */
export async function smallMap(container, tapped, groups = ["basemap", "areas"]) {
  if (!canDraw()) throw new Error(t("error.webgl"));
  const [{ items: every }, style] = await Promise.all([getJSON("/api/layers"), getJSON("/styles/map.json")]);
  // a layer that wants an account is no source of a visitor's style
  const items = every.filter((/** @type {any} */ layer) => layer.id in style.sources);
  app.layers = items;
  app.style = ordered(style, items);
  const shown = items.filter((/** @type {any} */ layer) => groups.includes(layer.group));
  const view = new MapView(container, {
    style: app.style,
    tiles: Object.fromEntries(items.map((/** @type {any} */ layer) => [layer.id, tileSource(layer)])),
    shown: Object.fromEntries(items.map((/** @type {any} */ layer) => [layer.id, { on: shown.includes(layer), opacity: 1 }])),
    camera: null,
    bounds: /** @type {any} */ (app.district.bbox),
    padding: 10,
  });
  await view.ready;
  const marker = new Marker({ color: "#0b57d0" });
  view.map.on("click", (/** @type {any} */ event) => tapped({ lon: event.lngLat.lng, lat: event.lngLat.lat }));
  return {
    /** @param {{lon: number, lat: number}} at WGS84 */
    show(at) {
      marker.setLngLat([at.lon, at.lat]).addTo(view.map);
      view.map.easeTo({ center: [at.lon, at.lat], zoom: Math.max(view.map.getZoom(), 15.5), duration: 300 });
    },
    view,
  };
}
