/** A field that says where, on a phone: its own position, an address, or a tap on a small map. */

import { getJSON, isAbort, latest } from "./api.js";
import { app, LEVELS } from "./app.js";
import { debounce, fill, h, icon } from "./dom.js";
import { number, t } from "./i18n.js";
import { pasted } from "./pasted.js";

/** @typedef {{lon: number, lat: number, crs: string, accuracy_m?: number}} Position */

const SYSTEMS = ["gcj02", "wgs84", "bd09", "cgcs2000"];

/** @param {any} found as /api/locate answers @returns {string} */
export const pathOf = (found) => LEVELS.filter((level) => found[level]).map((level) => found[level].name || found[level].code).join(" › ");

/** A map may be shown to the public with an approval number, or where it shows no real place. */
export const mapAllowed = () => Boolean(app.district.bbox && (app.district.illustrative || app.district.map_approval_number));

/** The phone's own position. @returns {Promise<Position>} Throws an Error that says what to do. */
export function ownPosition() {
  return new Promise((resolve, reject) => {
    if (!navigator.geolocation || !window.isSecureContext) {
      reject(new Error(t("locate.unavailable")));
      return;
    }
    navigator.geolocation.getCurrentPosition(
      // what a browser tells is WGS84
      ({ coords }) => resolve({ lon: coords.longitude, lat: coords.latitude, crs: "wgs84", accuracy_m: Math.round(coords.accuracy) }),
      (error) => reject(new Error(t(error.code === 1 ? "locate.denied" : "locate.failed"))),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 10000 },
    );
  });
}

/**
 * @param {{map: boolean, changed?: () => void, paste?: boolean, name?: string,
 *   tapped?: (at: {lon: number, lat: number}) => boolean, shown?: (ground: any) => void, near?: number}} options
 *   `map`: offer one; `paste`: take coordinates of other maps; `name` of the field for the address;
 *   `tapped` hears a tap on the map first, true: it was not for the place; `shown` gets the map,
 *   `near` is the zoom from which it shows the place
 */
export function whereField({ map, changed = () => {}, paste = false, name = "address", tapped = () => false, shown = () => {}, near = undefined }) {
  /** @type {Position|null} */
  let chosen = null;
  /** @type {{lon: number, lat: number}|null} where that is in WGS84 */
  let at = null;
  /** @type {any} */
  let ground = null;
  const searching = latest();
  const locating = latest();
  const outcome = h("div", { class: "placed", role: "status", hidden: true });
  const list = h("ul", { class: "hits" });
  const box = h("div", { class: "map", hidden: true, "aria-label": t("map.label") });
  const search = h("input", {
    class: "field", type: "search", maxLength: 200, autocomplete: "off", name,
    placeholder: t("where.address"), "aria-label": t("where.address"), on: { input: debounce(() => void find(), 300) },
  });
  const own = h("button", { type: "button", class: "button", on: { click: () => void here() } }, icon("locate"), t("where.own"));
  const pick = map && h("button", { type: "button", class: "button", "aria-expanded": "false", on: { click: () => void showMap() } }, icon("pin"), t("where.map"));

  /** @param {string} words @param {boolean} [gap] @param {string} [note] */
  function tell(words, gap = false, note = "") {
    outcome.hidden = !words;
    outcome.classList.toggle("gap", gap);
    fill(outcome, h("span", { text: words }), note && h("span", { class: "note", text: note }));
  }

  function coordinates() {
    const system = h("select", { class: "field", "aria-label": t("dispatch.place.system"), on: { change: () => read() } },
      SYSTEMS.map((crs) => h("option", { value: crs, text: t(`dispatch.crs.${crs}`) })));
    const numbers = h("input", { class: "field", name: "coordinates", placeholder: t("dispatch.place.coordinates"), "aria-label": t("dispatch.place.coordinates"), on: { change: () => read() } });
    const read = () => {
      const found = pasted(numbers.value, system.value);
      if (found) void choose({ ...found, crs: system.value });
      else if (numbers.value.trim()) tell(t("dispatch.place.unreadable"), true);
    };
    return h("details", {}, h("summary", { text: t("where.paste") }), h("div", { class: "two" }, numbers, system));
  }

  async function here() {
    own.disabled = true;
    tell(t("locate.busy"));
    try {
      await choose(await ownPosition());
    } catch (error) {
      tell(/** @type {Error} */ (error).message, true);
    } finally {
      own.disabled = false;
    }
  }

  async function find() {
    const text = search.value.trim();
    const signal = searching();
    changed();
    if (!text) { fill(list); return; }
    try {
      const { items } = await getJSON("/api/locate", { address: text, limit: 5 }, { signal });
      fill(list, items.map((/** @type {any} */ hit) => h("li", {}, h("button", { type: "button", on: { click: () => take(hit) } },
        h("b", { text: hit.name }), h("span", { class: "note", text: pathOf(hit.path ?? {}) })))));
    } catch (error) {
      if (!isAbort(error)) fill(list, h("li", { class: "note", text: /** @type {Error} */ (error).message }));
    }
  }

  /** @param {any} hit */
  function take(hit) {
    search.value = hit.name;
    fill(list);
    void choose({ lon: hit.lon, lat: hit.lat, crs: "wgs84" });
  }

  /** Takes a position and says where that is. @param {Position} position */
  async function choose(position) {
    chosen = position;
    const accuracy = position.accuracy_m === undefined ? "" : t("where.accuracy", { m: number(position.accuracy_m) });
    try {
      const found = await getJSON("/api/locate", { lon: position.lon, lat: position.lat, crs: position.crs }, { signal: locating() });
      const path = pathOf(found);
      tell(path || t("where.outside"), !path, accuracy);
      at = { lon: found.lon, lat: found.lat };
      ground?.show(at);
    } catch (error) {
      if (isAbort(error)) return;
      at = position.crs === "wgs84" ? position : null;
      // without the network the position is still known; the service places it later
      tell(t("where.kept", { position: `${position.lon.toFixed(6)}, ${position.lat.toFixed(6)}` }), false, accuracy);
    }
    changed();
  }

  async function showMap() {
    box.hidden = !box.hidden;
    if (pick) pick.setAttribute("aria-expanded", String(!box.hidden));
    if (box.hidden || ground) return;
    try {
      const { smallMap } = await import("./small_map.js");
      ground = await smallMap(box, (at) => { if (!tapped(at)) void choose({ ...at, crs: "wgs84" }); }, near);
      shown(ground);
      if (at) ground.show(at);
    } catch (error) {
      box.hidden = true;
      tell(/** @type {Error} */ (error).message, true);
    }
  }

  return {
    element: h("div", { class: "tile-part" }, h("div", { class: "where" }, own, pick), search, list, paste && coordinates(), box, outcome),
    choose,
    showMap,
    read: () => chosen,
    /** In WGS84, once it was placed. */
    at: () => at,
    address: () => search.value.trim(),
    /** @param {string} words an address as written */
    name: (words) => { search.value = words; },
    clear: () => { chosen = at = null; search.value = ""; fill(list); tell(""); },
    focus: () => search.focus(),
  };
}
