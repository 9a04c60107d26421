/** Search by address, code or name: a combo box that keyboard and screen reader can use. */

import { getJSON, isAbort, latest } from "./api.js";
import { app, LEVELS } from "./app.js";
import { byId, debounce, fill, h, icon } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { set } from "./state.js";
import { flyTo } from "./camera.js";

/**
 * @typedef {{name: string, kind: string, level: string|null, code: string|null, lon: number,
 *   lat: number, path: Record<string, {code: string, name: string}|null>|null,
 *   bbox?: [number, number, number, number]}} Hit
 */

const MOST = 10;
const signal = latest();
/** @type {Hit[]} */
let hits = [];
let at = -1;

export function startSearch() {
  const input = byId("search-input");
  input.addEventListener("input", () => {
    byId("search-clear").hidden = !input.value;
    soon();
  });
  input.addEventListener("keydown", keys);
  input.addEventListener("focus", () => { if (input.value.trim() && hits.length) open(true); });
  byId("search-clear").addEventListener("click", clear);
  document.addEventListener("pointerdown", (event) => {
    if (!(/** @type {Element} */ (event.target)).closest?.(".panel-head")) open(false);
  });
  onLanguage(() => { if (!byId("search-box").hidden) draw(); });
}

const soon = debounce(() => void find(byId("search-input").value.trim()), 180);

/** @param {string} text @returns {{lon: number, lat: number}|null} a position written as numbers */
export function position(text) {
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,，\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
  if (!found) return null;
  const [first, second] = [Number(found[1]), Number(found[2])];
  // A value beyond ±90 can only be a longitude; otherwise longitude leads, as the map writes it.
  if (Math.abs(second) > 90 && Math.abs(second) <= 180 && Math.abs(first) <= 90) return { lon: second, lat: first };
  return Math.abs(first) <= 180 && Math.abs(second) <= 90 ? { lon: first, lat: second } : null;
}

/** @param {string} text */
async function find(text) {
  if (!text) {
    hits = [];
    open(false);
    return;
  }
  const place = position(text);
  if (place) {
    hits = [{ name: `${place.lon}, ${place.lat}`, kind: "coordinates", level: null, code: null, ...place, path: null }];
    note("");
    draw();
    return;
  }
  note(t("search.busy"));
  open(true);
  const one = signal();
  try {
    const asked = [getJSON("/api/locate", { address: text }, { signal: one })];
    // Codes and names that the address index does not rank first are found level by level.
    const levels = LEVELS.filter((level) => app.district.levels[level]);
    asked.push(...levels.map((level) => getJSON(`/api/areas/${level}`, { q: text, limit: 5 }, { signal: one })));
    const [located, ...areas] = await Promise.all(asked);
    hits = merge(located.items, areas.flatMap((answer, index) => answer.items.map(
      (/** @type {any} */ item) => ({ ...item, kind: "area", level: levels[index] }))), text);
    at = hits.length ? 0 : -1;
    note(hits.length ? "" : t("search.none"));
    draw();
  } catch (error) {
    if (isAbort(error)) return;
    hits = [];
    draw();
    note(t("error.what", { what: t("search.what"), why: /** @type {Error} */ (error).message }));
  }
}

/** @param {Hit[]} located @param {any[]} areas @param {string} text */
function merge(located, areas, text) {
  const exact = areas.filter((item) => item.code === text || item.name === text);
  const rest = areas.filter((item) => !exact.includes(item));
  const seen = new Set();
  return [...exact, ...located, ...rest].filter((hit) => {
    const key = hit.level && hit.code ? `${hit.level}/${hit.code}` : `${hit.kind}/${hit.name}/${hit.lon}`;
    return !seen.has(key) && seen.add(key);
  }).slice(0, MOST);
}

/** @param {string} text */
function note(text) {
  byId("search-note").textContent = text;
}

/** @param {boolean} shown */
function open(shown) {
  byId("search-box").hidden = !shown;
  byId("search-input").setAttribute("aria-expanded", String(shown));
  if (!shown) byId("search-input").removeAttribute("aria-activedescendant");
}

/** @param {Hit} hit @returns {string} */
function kindIcon(hit) {
  if (hit.level) return hit.level;
  return hit.kind === "crossing" ? "crossing" : "pin";
}

/** @param {Hit} hit */
function where(hit) {
  const path = LEVELS.map((level) => hit.path?.[level]).filter(
    (area) => area && area.code !== hit.code).map((area) => area?.name);
  return [hit.level ? t(`level.${hit.level}`) : t(`place.${placeKind(hit.kind)}`), hit.code, path.join(" › ")]
    .filter(Boolean).join(" · ");
}

const PLACES = ["door", "crossing", "estate", "poi", "pole", "former", "pin", "coordinates"];
/** @param {string} kind */
const placeKind = (kind) => (PLACES.includes(kind) ? kind : "other");

function draw() {
  open(true);
  fill(byId("search-results"), hits.map((hit, index) => h("li", {
    id: `hit-${index}`, role: "option", "aria-selected": String(index === at),
    on: {
      click: () => choose(hit),
      pointermove: () => { if (at !== index) { at = index; mark(); } },
    },
  }, icon(kindIcon(hit)), h("span", { class: "hit" },
    h("span", { class: "hit-name", text: hit.name }), h("span", { class: "note", text: where(hit) })))));
  mark();
}

function mark() {
  const input = byId("search-input");
  for (const [index, item] of [...byId("search-results").children].entries()) {
    item.setAttribute("aria-selected", String(index === at));
    if (index === at) item.scrollIntoView({ block: "nearest" });
  }
  if (at >= 0) input.setAttribute("aria-activedescendant", `hit-${at}`);
  else input.removeAttribute("aria-activedescendant");
}

/** @param {KeyboardEvent} event */
function keys(event) {
  if (event.isComposing) return; // an input method is choosing characters
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (!hits.length) return;
    event.preventDefault();
    if (byId("search-box").hidden) open(true);
    at = (at + (event.key === "ArrowDown" ? 1 : hits.length - 1)) % hits.length;
    mark();
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (!byId("search-box").hidden && hits[at]) choose(hits[at]);
    else void find(byId("search-input").value.trim());
  } else if (event.key === "Escape") {
    if (byId("search-box").hidden) clear();
    else open(false);
    event.preventDefault();
  }
}

function clear() {
  byId("search-input").value = "";
  byId("search-clear").hidden = true;
  hits = [];
  note("");
  open(false);
  byId("search-input").focus();
}

/** @param {Hit} hit */
function choose(hit) {
  open(false);
  byId("search-input").value = hit.name;
  byId("search-clear").hidden = false;
  if (hit.level && hit.code) {
    set({ selection: { kind: "area", level: hit.level, code: hit.code } });
    flyTo(hit.bbox ? { bbox: hit.bbox } : { level: hit.level, code: hit.code });
  } else {
    set({ selection: { kind: "point", lon: hit.lon, lat: hit.lat } });
    flyTo({ lon: hit.lon, lat: hit.lat });
  }
  byId("drawer").focus(); // what was found is read there
}
