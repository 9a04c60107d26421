/** What the walks came near enough to see: the width as a slider, and how much hangs on it. */

import { getJSON, isAbort, latest } from "../api.js";
import { byId, debounce, fill, h, svg } from "../dom.js";
import { distance, number, percent, t } from "../i18n.js";
import { complain } from "../messages.js";
import { paint } from "./ground.js";
import { query } from "./plan.js";

const LEAST = 5, MOST = 45;
const LEVELS = ["grid", "community", "street", "squad"];
const BOUNDS = [0.2, 0.4, 0.6, 0.8];
const WIDTH = 380, HEIGHT = 150, LEFT = 40, BOTTOM = 24;
const signal = latest();
const chartSignal = latest();

let width = 15;
let level = "grid";

/** @param {(code: string) => void} open what a click on a grid's row does */
export const swathView = (open) => {
  const load = () => void look(open);
  const again = debounce(load, 200);
  return { id: "swath", open: () => { frame(again, load); load(); void chart(); }, close: () => { signal(); chartSignal(); } };
};

/** @param {() => void} again after a pause @param {() => void} load at once */
function frame(again, load) {
  fill(byId("view-swath"),
    h("p", { class: "note", text: t("coverage.swath.what") }),
    h("label", { class: "control" }, h("span", { text: t("coverage.swath.width") }),
      h("input", { type: "range", id: "swath-width", min: LEAST, max: MOST, step: 1, value: String(width), on: { input: (/** @type {any} */ event) => {
        width = Number(event.target.value);
        byId("swath-shown").textContent = t("coverage.metres", { n: width });
        again();
      } } }),
      h("output", { id: "swath-shown", text: t("coverage.metres", { n: width }) })),
    h("div", { id: "swath-sums", role: "status", "aria-live": "polite" }, h("p", { class: "note", text: t("coverage.swath.computing") })),
    h("figure", { id: "swath-chart" }),
    h("label", { class: "control" }, h("span", { text: t("coverage.by") }), h("select", { class: "field", id: "swath-level", on: { change: (/** @type {any} */ event) => { level = event.target.value; load(); } } },
      LEVELS.map((one) => h("option", { value: one, text: t(`coverage.level.${one}`), selected: one === level })))),
    h("div", { id: "swath-list" }));
}

/** @param {number} part @param {number|null} whole */
const share = (part, whole) => (whole ? part / whole : null);
/** @param {number|null} value */
const told = (value) => (value === null ? "—" : percent(value));

/** @param {(code: string) => void} open */
async function look(open) {
  const one = signal();
  try {
    const grids = await getJSON("/api/coverage/swath", { ...query(), swath_m: width }, { signal: one });
    const { items } = level === "grid" ? grids : await getJSON("/api/coverage/swath", { ...query(), swath_m: width, level }, { signal: one });
    sums(grids);
    list(items, open);
    paint(new Map(grids.items.map((/** @type {any} */ item) => [item.grid.code, mark(item)])));
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.view.swath"), error, () => void look(open));
  }
}

/** @param {any} item */
function mark(item) {
  const seen = share(item.streets_seen_m, item.streets_m);
  if (seen === null) return { look: "no_track", letter: "—" };
  return { look: `share${BOUNDS.filter((bound) => seen >= bound).length}`, letter: String(Math.round(100 * seen)) };
}

/** @param {any} found */
function sums(found) {
  const { streets_m, streets_seen_m, buildings, buildings_seen, grids, below } = found;
  fill(byId("swath-sums"), h("dl", { class: "facts" },
    h("dt", { text: t("coverage.swath.streets") }),
    h("dd", { text: streets_m === null ? t("coverage.swath.noStreets") : `${told(share(streets_seen_m, streets_m))}  ${distance(streets_seen_m)} / ${distance(streets_m)}` }),
    h("dt", { text: t("coverage.swath.buildings") }),
    h("dd", { text: buildings ? `${told(share(buildings_seen, buildings))}  ${number(buildings_seen)} / ${number(buildings)}` : t("coverage.swath.noBuildings") }),
    h("dt", { text: t("coverage.swath.below") }), h("dd", { text: `${number(below)} / ${number(grids)}` })),
  h("ul", { class: "keys", "aria-label": t("coverage.swath.shades") }, [0, ...BOUNDS].map((bound, at) => h("li", {},
    h("span", { class: `shade share-${at}`, "aria-hidden": "true" }), `${percent(bound)}–${percent(BOUNDS[at] ?? 1)}`))));
}

/** @param {any[]} items @param {(code: string) => void} open */
function list(items, open) {
  const rows = items.map((item) => ({ ...item, place: item[level], seen: share(item.streets_seen_m, item.streets_m) }))
    .sort((a, b) => (a.seen ?? 2) - (b.seen ?? 2));
  fill(byId("swath-list"), h("table", { class: "sums wide" },
    h("thead", {}, h("tr", {}, ["place", "streets", "buildings"].map((name) => h("th", { scope: "col", text: t(`coverage.swath.head.${name}`) })))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      h("th", { scope: "row" }, level === "grid"
        ? h("button", { type: "button", class: "link", text: row.place.name || row.place.code, on: { click: () => open(row.place.code) } })
        : row.place.name || row.place.code),
      h("td", {}, h("b", { text: told(row.seen) }), row.streets_m ? ` / ${distance(row.streets_m)}` : ""),
      h("td", { text: row.buildings ? `${number(row.buildings_seen)} / ${number(row.buildings)}` : "—" }))))));
}

async function chart() {
  const one = chartSignal();
  try {
    const { items } = await getJSON("/api/coverage/swath/widths", query(), { signal: one });
    draw(items);
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.swath.sensitivity"), error, () => void chart());
  }
}

/** @param {any[]} items sums for each width */
function draw(items) {
  const title = t("coverage.swath.sensitivity");
  const x = (/** @type {number} */ metres) => LEFT + metres / 40 * (WIDTH - LEFT - 12);
  const y = (/** @type {number} */ part) => HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - 10);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const words = (/** @type {string} */ text, /** @type {any} */ at) => { const one = svg("text", at); one.textContent = text; picture.append(one); };
  for (const part of [0, 0.5, 1]) {
    picture.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: y(part), y2: y(part) }));
    words(percent(part), { x: LEFT - 6, y: y(part) + 4, "text-anchor": "end" });
  }
  for (const { swath_m } of items) words(String(swath_m), { x: x(swath_m), y: HEIGHT - 8, "text-anchor": "middle" });
  /** @type {[string, (item: any) => number|null][]} */
  const lines = [
    ["streets", (item) => share(item.streets_seen_m, item.streets_m)],
    ["buildings", (item) => share(item.buildings_seen, item.buildings)],
    ["below", (item) => share(item.below, item.grids)],
  ];
  for (const [name, of] of lines) {
    const points = items.map((item) => [x(item.swath_m), of(item)]).filter(([, part]) => part !== null);
    if (!points.length) continue;
    picture.append(svg("polyline", { class: `series ${name}`, points: points.map(([at, part]) => `${at},${y(/** @type {number} */ (part))}`).join(" ") }));
    for (const [at, part] of points) picture.append(svg("circle", { class: `dot ${name}`, cx: /** @type {number} */ (at), cy: y(/** @type {number} */ (part)), r: 2.6 }));
  }
  fill(byId("swath-chart"), h("figcaption", { text: title }), picture, h("ul", { class: "keys" }, lines.map(([name]) => h("li", {}, line(name), t(`coverage.swath.line.${name}`)))));
}

/** @param {string} name of a line: its key */
function line(name) {
  const key = svg("svg", { viewBox: "0 0 26 8", class: "key", "aria-hidden": "true" });
  key.append(svg("polyline", { class: `series ${name}`, points: "1,4 25,4" }));
  return key;
}
