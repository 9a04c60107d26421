/** A small map to tap on, fetched only by who asks for it. */

import { Marker } from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { getJSON } from "./api.js";
import { app } from "./app.js";
import { groundView } from "./ground_view.js";
import { t } from "./i18n.js";
import { canDraw } from "./map.js";

/**
 * @param {HTMLElement} container
 * @param {(at: {lon: number, lat: number}) => void} tapped a position in WGS84
 * @param {number} [near] the zoom from which a position is shown
 */
export async function smallMap(container, tapped, near = 15.5) {
  if (!canDraw()) throw new Error(t("error.webgl"));
  [{ items: app.layers }, app.style] = await Promise.all([getJSON("/api/layers"), getJSON("/styles/map.json")]);
  const view = await groundView(container, { padding: 10, label: t("map.label") });
  const marker = new Marker({ color: "#0b57d0", className: "passive" });
  view.map.on("click", (/** @type {any} */ event) => tapped({ lon: event.lngLat.lng, lat: event.lngLat.lat }));
  return {
    /** @param {{lon: number, lat: number}} at WGS84 */
    show(at) {
      marker.setLngLat([at.lon, at.lat]).addTo(view.map);
      view.map.easeTo({ center: [at.lon, at.lat], zoom: Math.max(view.map.getZoom(), near), duration: 300 });
    },
    view,
  };
}
