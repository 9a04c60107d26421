/** Moving the map, with room left for what lies over it. */

import { getJSON } from "./api.js";
import { app } from "./app.js";
import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { complain } from "./messages.js";
import { get } from "./state.js";

export const isPhone = () => matchMedia("(max-width: 720px)").matches;
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** @returns {{left: number, right: number, top: number, bottom: number}} pixels of the map covered */
export function padding() {
  const width = (/** @type {string} */ id) => {
    const element = byId(id);
    return element && !element.hidden && !element.classList.contains("closed") ? element.offsetWidth + 24 : 24;
  };
  if (isPhone() && get().compare) return { left: 136, right: 60, top: 24, bottom: 20 };
  if (isPhone()) {
    const sheet = byId("drawer").hidden ? 150 : Math.round(window.innerHeight * 0.5);
    return { left: 16, right: 16, top: 70, bottom: sheet };
  }
  const timeline = byId("timeline");
  return {
    left: get().compare ? 24 : width("panel"),
    right: byId("drawer").hidden ? 72 : get().compare ? 24 : width("drawer"),
    top: 40,
    bottom: timeline.hidden ? 48 : timeline.offsetHeight + 56,
  };
}

/** The whole district. */
export function goHome() {
  const { bbox } = app.district;
  if (bbox) fit(bbox);
}

/** @returns {[number, number, number, number]} the box that nothing covers */
export function inSight() {
  const { map } = app.main;
  const { left, right, top, bottom } = padding();
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const [southWest, northEast] = [map.unproject([left, height - bottom]), map.unproject([width - right, top])];
  return [southWest.lng, southWest.lat, northEast.lng, northEast.lat];
}

/** @param {[number, number, number, number]} bbox @param {number} [maxZoom] */
export function fit([west, south, east, north], maxZoom = 18) {
  app.main.map.fitBounds([[west, south], [east, north]], {
    padding: padding(), maxZoom, duration: still() ? 0 : 700,
  });
}

/** Moves the map just when a position lies under the panel, the drawer or the timeline. @param {number} lon @param {number} lat */
export function reveal(lon, lat) {
  const { map } = app.main;
  const { left, right, top, bottom } = padding();
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const { x, y } = map.project([lon, lat]);
  if (x < left - 24 || x > width - right + 24 || y < top - 24 || y > height - bottom) {
    flyTo({ lon, lat, zoom: map.getZoom() });
  }
}

/**
 * To a box, a position or an area.
 * @param {{bbox: [number, number, number, number]}|{lon: number, lat: number, zoom?: number}|
 *   {level: string, code: string}} target
 */
export function flyTo(target) {
  if ("bbox" in target) fit(target.bbox);
  else if ("lon" in target) {
    const { left, right, top, bottom } = padding();
    app.main.map.easeTo({
      center: [target.lon, target.lat],
      zoom: target.zoom ?? Math.max(app.main.map.getZoom(), 16.5),
      offset: [(left - right) / 2, (top - bottom) / 2],
      duration: still() ? 0 : 700,
    });
  } else {
    getJSON(`/api/areas/${target.level}/${encodeURIComponent(target.code)}`)
      .then((area) => fit(area.bbox))
      .catch((error) => complain(t(`level.${target.level}`), error, () => flyTo(target)));
  }
}
