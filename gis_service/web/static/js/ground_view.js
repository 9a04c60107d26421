/** The map of a page that draws something of its own over the district's ground. */

import { ScaleControl } from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { app } from "./app.js";
import { byId } from "./dom.js";
import { pick, t } from "./i18n.js";
import { MapView } from "./map.js";
import { complain } from "./messages.js";
import { ordered } from "./style.js";
import { tileSource } from "./tiles.js";

/** The layers of the ground. @param {import("./layers.js").LayerInfo} layer */
const isGround = (layer) => ["basemap", "areas"].includes(layer.group);

/**
 * A map of `app.district` with the ground drawn and everything else of the service's left out; a
 * layer whose tiles fail is told, with a way to try again.
 * @param {HTMLElement} container
 * @param {{padding: any, label: string, drawn?: (layer: import("./layers.js").LayerInfo) => boolean}} options
 *   `drawn`: which layers are the ground here
 * @returns {Promise<MapView>} once it can be drawn on
 */
export async function groundView(container, { padding, label, drawn = isGround }) {
  app.style = ordered(app.style, app.layers);
  const view = new MapView(container, {
    style: app.style,
    tiles: Object.fromEntries(app.layers.map((layer) => [layer.id, tileSource(layer)])),
    shown: Object.fromEntries(app.layers.map((layer) => [layer.id, { on: drawn(layer), opacity: 1 }])),
    camera: null,
    bounds: /** @type {any} */ (app.district.bbox),
    padding,
  });
  view.map.on("error", (/** @type {any} */ event) => {
    const layer = app.layers.find((item) => item.id === event.sourceId);
    complain(layer ? pick(layer.title) : t("map.what"), new Error(t("error.tiles")), layer && (() => view.renew(layer.id)));
    console.warn(event.error?.message ?? "map error");
  });
  view.map.addControl(new ScaleControl({ maxWidth: 90, unit: "metric" }), "bottom-left");
  view.map.getCanvas().setAttribute("aria-label", label);
  await view.ready;
  return view;
}

/** The page's buttons beside its map. @param {any} map @param {() => void} home shows the whole district */
export function mapButtons(map, home) {
  byId("map-in").addEventListener("click", () => map.zoomIn());
  byId("map-out").addEventListener("click", () => map.zoomOut());
  byId("map-home").addEventListener("click", home);
}
