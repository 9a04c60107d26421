/** Walks played again: fetched once for a day or a week, each step drawn from what is there. */

import { getJSON, isAbort, latest } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h, icon } from "../dom.js";
import { addDays, dateTime, distance, number, t } from "../i18n.js";
import { complain } from "../messages.js";
import { plan, query } from "./plan.js";

const TRAIL_S = 20 * 60;
const SPEEDS = [60, 300, 900, 3600];
const SPANS = [1, 7];
const STEP_S = 60;
const LAYERS = ["replay-all", "replay-trail", "replay-now", "replay-name"];
const SOURCES = ["replay-all", "replay-trail", "replay-now"];
const FONT = ["Medium", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC"];
const signal = latest();

/** @type {{officer: string, officer_name: string, length_m: number, lon: number[], lat: number[], at: number[]}[]} */
let walks = [];
let now = 0;
let speed = 300;
let days = 1;
let day = "";
let frameId = 0;
let lastFrame = 0;

export const replayView = () => ({ id: "replay", open: () => { day = plan.asked.to; frame(); void load(true); }, close });

function close() {
  signal();
  pause();
  const map = app.main?.map;
  if (!map) return;
  for (const layer of LAYERS) if (map.getLayer(layer)) map.removeLayer(layer);
  for (const source of SOURCES) if (map.getSource(source)) map.removeSource(source);
  map.setPaintProperty("coverage-fill", "fill-opacity", 1);
}

function frame() {
  fill(byId("view-replay"),
    h("p", { class: "note", text: t("coverage.replay.what") }),
    h("div", { class: "row" },
      h("label", {}, t("coverage.replay.lastDay"), h("input", { class: "field", type: "date", id: "replay-day", value: day, min: plan.asked.from, max: plan.asked.to, on: { change: (/** @type {any} */ event) => { if (event.target.value) { day = event.target.value; void load(); } } } })),
      h("select", { class: "field", "aria-label": t("coverage.replay.span"), on: { change: (/** @type {any} */ event) => { days = Number(event.target.value); void load(); } } },
        SPANS.map((n) => h("option", { value: String(n), text: t("coverage.replay.days", { n }), selected: n === days })))),
    h("div", { class: "row" },
      h("button", { type: "button", class: "button", id: "replay-play", disabled: true, on: { click: () => (frameId ? pause() : play()) } }),
      h("select", { class: "field", "aria-label": t("coverage.replay.speed"), on: { change: (/** @type {any} */ event) => { speed = Number(event.target.value); } } },
        SPEEDS.map((times) => h("option", { value: String(times), text: t("coverage.replay.times", { n: number(times) }), selected: times === speed })))),
    h("input", { type: "range", id: "replay-time", "aria-label": t("coverage.replay.time"), min: 0, max: 1, step: STEP_S, value: "0", disabled: true, on: { input: (/** @type {any} */ event) => { pause(); show(Number(event.target.value)); } } }),
    h("p", { id: "replay-now", role: "status" }),
    h("div", { id: "replay-list" }));
  button();
}

function button() {
  fill(byId("replay-play"), icon(frameId ? "pause" : "play"), t(frameId ? "coverage.replay.pause" : "coverage.replay.play"));
}

/** @param {boolean} [look] where nothing has come in on the day, the day before is looked at */
async function load(look = false) {
  const one = signal();
  pause();
  try {
    const from = addDays(day, 1 - days);
    const found = await getJSON("/api/coverage/replay", { ...query(), from, to: addDays(day, 1) }, { signal: one });
    walks = found.items;
    if (!walks.length && look && day > plan.asked.from) {
      day = addDays(day, -1);
      byId("replay-day").value = day;
      await load();
    } else ready(found);
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.view.replay"), error, () => void load());
  }
}

/** @param {any} found */
function ready(found) {
  const slider = byId("replay-time");
  const some = walks.length > 0;
  slider.disabled = byId("replay-play").disabled = !some;
  const first = some ? Math.min(...walks.map((walk) => walk.at[0])) : found.since;
  const last = some ? Math.max(...walks.map((walk) => walk.at[walk.at.length - 1])) : found.until;
  slider.min = String(first);
  slider.max = String(Math.ceil((last - first) / STEP_S) * STEP_S + first);
  draw();
  show(first);
  /** @type {Map<string, {name: string, length: number, walks: number}>} */
  const people = new Map();
  for (const walk of walks) {
    const one = people.get(walk.officer) ?? { name: walk.officer_name, length: 0, walks: 0 };
    people.set(walk.officer, { ...one, length: one.length + walk.length_m, walks: one.walks + 1 });
  }
  fill(byId("replay-list"),
    some ? h("table", { class: "sums wide" },
      h("thead", {}, h("tr", {}, ["officer", "walks", "length"].map((name) => h("th", { scope: "col", text: t(`coverage.replay.head.${name}`) })))),
      h("tbody", {}, [...people.entries()].sort((a, b) => b[1].length - a[1].length).map(([code, one]) => h("tr", {},
        h("th", { scope: "row", text: `${one.name} ${code}` }), h("td", { text: number(one.walks) }), h("td", { text: distance(one.length) })))))
      : h("p", { class: "note", text: t("coverage.replay.none") }),
    found.every_s > 0 && h("p", { class: "note", text: t("coverage.replay.thinned", { n: number(found.every_s) }) }));
}

/** @param {any[]} features */
const collection = (features) => ({ type: "FeatureCollection", features });
/** @param {string} type @param {any} coordinates @param {any} [properties] */
const feature = (type, coordinates, properties = {}) => ({ type: "Feature", properties, geometry: { type, coordinates } });

function draw() {
  const map = app.main?.map;
  if (!map) return;
  const all = collection(walks.map((walk) => feature("LineString", walk.lon.map((x, i) => [x, walk.lat[i]]))));
  if (map.getSource("replay-all")) {
    map.getSource("replay-all").setData(all);
    return;
  }
  map.setPaintProperty("coverage-fill", "fill-opacity", 0.35);
  map.addSource("replay-all", { type: "geojson", data: all });
  for (const source of SOURCES.slice(1)) map.addSource(source, { type: "geojson", data: collection([]) });
  const round = { "line-cap": "round", "line-join": "round" };
  map.addLayer({ id: "replay-all", type: "line", source: "replay-all", layout: round, paint: { "line-color": "#5b6b7d", "line-opacity": 0.45, "line-width": 1.4 } });
  map.addLayer({ id: "replay-trail", type: "line", source: "replay-trail", layout: round, paint: { "line-color": "#0b57d0", "line-opacity": 0.9, "line-width": 4 } });
  map.addLayer({ id: "replay-now", type: "circle", source: "replay-now", paint: { "circle-color": "#0b57d0", "circle-radius": 6, "circle-stroke-color": "#fff", "circle-stroke-width": 2 } });
  map.addLayer({
    id: "replay-name", type: "symbol", source: "replay-now",
    layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": 13, "text-offset": [0, -1.2], "text-optional": true },
    paint: { "text-color": "#0a2f6b", "text-halo-color": "#fff", "text-halo-width": 2 },
  });
}

/** The last fix not after a moment. @param {number[]} at @param {number} when */
function place(at, when) {
  let low = 0, high = at.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at[middle] <= when) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Between two fixes as if walked evenly. @param {typeof walks[0]} walk @param {number} when @returns {[number, number]} */
function position(walk, when) {
  const i = place(walk.at, when);
  const j = Math.min(i + 1, walk.at.length - 1);
  const part = walk.at[j] > walk.at[i] ? Math.min(1, (when - walk.at[i]) / (walk.at[j] - walk.at[i])) : 0;
  return [walk.lon[i] + part * (walk.lon[j] - walk.lon[i]), walk.lat[i] + part * (walk.lat[j] - walk.lat[i])];
}

/** @param {typeof walks[0]} walk */
const walking = (walk) => walk.at[0] <= now && now <= walk.at[walk.at.length - 1];

/** Draws a moment. @param {number} when seconds since 1970 */
function show(when) {
  now = when;
  byId("replay-time").value = String(when);
  byId("replay-time").setAttribute("aria-valuetext", dateTime(new Date(when * 1000)));
  const out = walks.filter(walking);
  byId("replay-now").textContent = walks.length
    ? t("coverage.replay.now", { when: dateTime(new Date(when * 1000)), n: number(new Set(out.map((walk) => walk.officer)).size), of: number(new Set(walks.map((walk) => walk.officer)).size) })
    : "";
  const map = app.main?.map;
  if (!map?.getSource("replay-now")) return;
  map.getSource("replay-now").setData(collection(out.map((walk) => feature("Point", position(walk, now), { name: walk.officer_name }))));
  map.getSource("replay-trail").setData(collection(out.map((walk) => {
    const first = place(walk.at, Math.max(walk.at[0], now - TRAIL_S)), last = place(walk.at, now);
    const line = [];
    for (let i = first; i <= last; i += 1) line.push([walk.lon[i], walk.lat[i]]);
    return feature("LineString", [...line, position(walk, now)]);
  })));
}

function play() {
  if (now >= Number(byId("replay-time").max)) show(Number(byId("replay-time").min));
  lastFrame = performance.now();
  frameId = requestAnimationFrame(tick);
  button();
}

function pause() {
  cancelAnimationFrame(frameId);
  frameId = 0;
  if (document.getElementById("replay-play")) button();
}

/** @param {number} moment */
function tick(moment) {
  const last = Number(byId("replay-time").max);
  let next = now + (moment - lastFrame) / 1000 * speed;
  lastFrame = moment;
  // hours in which nobody walks are passed over
  if (!walks.some(walking)) {
    const starts = walks.map((walk) => walk.at[0]).filter((start) => start > now);
    if (starts.length) next = Math.max(next, Math.min(...starts));
  }
  show(Math.min(next, last));
  if (next >= last) {
    pause();
    return;
  }
  frameId = requestAnimationFrame(tick);
}
