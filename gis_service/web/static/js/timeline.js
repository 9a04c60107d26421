/** The time slider: steps over the range, a histogram, play and pause. No step asks the service. */

import { isAbort, latest } from "./api.js";
import { app, views } from "./app.js";
import { byId, debounce, fill, h, icon, svg } from "./dom.js";
import { dateTime, date, figure, language, monthDay, monthDayHour, number, onLanguage, pick, t } from "./i18n.js";
import { drawCards, isChoropleth, isHeat } from "./layers.js";
import { rowLabel, swatch } from "./legend.js";
import { complain } from "./messages.js";
import { Player } from "./play.js";
import { areaBreaks, areasAt, fetchSeries, heatAt, heatTop, totals } from "./series.js";
import { get, on, setTimeline } from "./state.js";
import { classes, layerOf } from "./style.js";

const SPEEDS = [0.5, 1, 2, 4];
const PACE = 700;
const signal = latest();

/** @type {{heat: import("./series.js").HeatAnswer|null, areas: import("./series.js").AreaAnswer|null,
 *   zoom: number}|null} */
let series = null;
/** @type {Player[]} */
let players = [];
/** @type {number[]} */
let counts = [];
let breaks = /** @type {number[]} */ ([]);
let top = 1;
let speed = 1;
let timer = 0;
/** What the series was fetched for. */
let fetched = "";

export function startTimeline() {
  byId("tool-time").addEventListener("click", () => setTimeline({ open: !get().timeline.open }));
  on(["timeline"], () => void update());
  on(["filters", "compare", "layers"], () => { if (get().timeline.open) void update(); });
  onLanguage(() => { if (series) { frame(); step(); legend(); } });
  app.main.map.on("zoomend", debounce(() => {
    if (series?.heat && Math.abs(app.main.map.getZoom() - series.zoom) > 1.5 && !timer) void update(true);
  }, 300));
  if (get().timeline.open) void update();
}

/** What plays on which map: side by side heat left and areas right, else what is switched on. */
function plays() {
  const { compare, layers } = get();
  if (compare) return { main: { heat: true, areas: false }, second: { heat: false, areas: true } };
  const on = (/** @type {(layer: any) => boolean} */ test) => app.layers.some((layer) => test(layer) && layers[layer.id]?.on);
  const areas = on(isChoropleth);
  return { main: { heat: on(isHeat) || !areas, areas }, second: { heat: false, areas: false } };
}

const heatDrawing = () => app.style.layers.find((/** @type {any} */ layer) => layer.type === "heatmap");
const areaDrawing = () => app.style.layers.find((/** @type {any} */ layer) => layer.metadata?.["gis:breaks"]);
/** The working level: the finest area level below buildings that the district has. */
const level = () => ["grid", "community", "street"].find((name) => app.district.levels[name]) ?? null;

/** @param {boolean} [again] even if it was fetched for the same */
async function update(again = false) {
  const { open } = get().timeline;
  byId("tool-time").setAttribute("aria-pressed", String(open));
  if (!open) {
    close();
    return;
  }
  const wanted = JSON.stringify([get().filters, plays()]);
  if (!again && wanted === fetched && series) {
    recolour();
    step();
    return;
  }
  pause();
  fetched = wanted;
  const { main, second } = plays();
  byId("timeline").hidden = false;
  document.body.classList.add("has-timeline");
  if (!series) fill(byId("timeline"), h("p", { class: "note", text: t("timeline.loading") }));
  try {
    const answer = await fetchSeries({ heat: main.heat || second.heat, level: main.areas || second.areas ? level() : null }, signal());
    if (!get().timeline.open) return;
    series = answer;
    counts = totals(series.heat, series.areas);
    for (const player of players) player.remove();
    await Promise.all(views().map((view) => view.ready));
    players = views().map((view) => {
      const { heat, areas } = view === app.main ? main : second;
      return new Player(view, {
        heat: heat ? heatDrawing() : null, cells: series?.heat ?? null, choropleth: areas ? areaDrawing() : null, source: level() ?? "",
      });
    });
    recolour();
    frame();
    step();
  } catch (error) {
    fetched = "";
    if (!isAbort(error)) {
      complain(t("timeline.what"), error, () => void update(true));
      setTimeline({ open: false });
    }
  }
}

function close() {
  signal();
  pause();
  for (const player of players) player.remove();
  players = [];
  series = null;
  fetched = "";
  byId("timeline").hidden = true;
  document.body.classList.remove("has-timeline");
  drawCards();
}

/** Scales hold for all steps; they change with the way of counting only. */
function recolour() {
  const { cumulative } = get().timeline;
  if (series?.heat) top = heatTop(series.heat, cumulative);
  if (series?.areas) {
    breaks = areaBreaks(series.areas, cumulative);
    for (const player of players) player.colour(areaDrawing().paint["fill-color"], breaks);
  }
  legend();
}

const edges = () => series?.heat?.edges ?? series?.areas?.edges ?? [];
const last = () => Math.max(0, counts.length - 1);
const current = () => Math.min(get().timeline.step, last());

/** Draws the current step. */
function step() {
  if (!series) return;
  const at = current();
  const { cumulative } = get().timeline;
  const cells = series.heat && heatAt(series.heat, at, cumulative);
  const areas = series.areas && areasAt(series.areas, at, cumulative);
  for (const player of players) {
    if (cells) player.heat(cells, top);
    if (areas) player.areas(areas);
  }
  show(at);
}

/** Draws the current step on sources that have lost what they held. */
export function replay() {
  for (const player of players) player.states.clear();
  step();
}

/** @param {number} at */
function show(at) {
  const box = byId("timeline");
  const { cumulative } = get().timeline;
  for (const [index, bar] of box.querySelectorAll(".bar").entries()) {
    bar.classList.toggle("now", index === at);
    bar.classList.toggle("past", cumulative && index < at);
  }
  const slider = box.querySelector(".slider");
  if (!slider) return;
  slider.value = String(at);
  const shown = cumulative ? counts.slice(0, at + 1).reduce((sum, n) => sum + n, 0) : counts[at] ?? 0;
  const text = span(at);
  slider.setAttribute("aria-valuetext", t("timeline.now", { span: text, n: shown }));
  box.querySelector(".now-span").textContent = text;
  box.querySelector(".now-count").textContent = t("timeline.count", { n: shown });
}

/** The days of a step, the last one included. @param {number} at */
function span(at) {
  const all = edges();
  const start = get().timeline.cumulative ? all[0] : all[at];
  const end = all[at + 1];
  if (!start || !end) return "";
  const short = Date.parse(all[1]) - Date.parse(all[0]) < 86400000 - 1;
  if (short) return `${dateTime(start)} – ${monthDayHour(end)}`;
  const lastDay = new Date(Date.parse(end) - 1);
  return date(start) === date(lastDay) ? date(start) : `${date(start)} – ${date(lastDay)}`;
}

function frame() {
  const box = byId("timeline");
  const { cumulative } = get().timeline;
  const most = Math.max(1, ...counts);
  const bars = svg("svg", { class: "bars", viewBox: `0 0 ${counts.length * 10} 100`, preserveAspectRatio: "none", "aria-hidden": "true" });
  counts.forEach((n, at) => {
    const height = n ? Math.max(2, (n / most) * 100) : 0;
    const bar = svg("rect", { class: "bar", x: at * 10 + 0.8, y: 100 - height, width: 8.4, height });
    bars.append(bar);
  });
  const button = (/** @type {string} */ name, /** @type {string} */ key, /** @type {() => void} */ work, /** @type {string} */ look) => h("button", {
    type: "button", class: look, id: `timeline-${name}`, title: t(key), "aria-label": t(key), on: { click: work },
  }, icon(name));
  const all = edges();
  fill(box,
    h("div", { class: "timeline-head" },
      button("step-back", "timeline.back", () => move(-1), "round small"),
      button(timer ? "pause" : "play", timer ? "timeline.pause" : "timeline.play", toggle, "round play"),
      button("step-on", "timeline.on", () => move(1), "round small"),
      h("p", { class: "now" }, h("b", { class: "now-span" }), h("span", { class: "now-count" })),
      h("label", { class: "speed" }, h("span", { text: t("timeline.speed") }), h("select", {
        class: "field", on: { change: (/** @type {any} */ event) => { speed = Number(event.target.value); if (timer) { pause(); play(); } } },
      }, SPEEDS.map((value) => h("option", { value: String(value), selected: value === speed, text: `${number(value, 1)}×` })))),
      h("label", { class: "check" }, h("input", {
        type: "checkbox", checked: cumulative, on: { change: (/** @type {any} */ event) => setTimeline({ cumulative: event.target.checked }) },
      }), h("span", { text: t("timeline.cumulative") })),
      h("button", {
        type: "button", class: "quiet", title: t("timeline.close"), "aria-label": t("timeline.close"),
        on: { click: () => setTimeline({ open: false }) },
      }, icon("close"))),
    h("div", { class: "track" }, bars, h("input", {
      type: "range", class: "slider", min: "0", max: String(last()), step: "1", value: String(current()),
      "aria-label": t("timeline.label"),
      on: { input: (/** @type {any} */ event) => { pause(); setTimeline({ step: Number(event.target.value) }); } },
    })),
    h("div", { class: "axis", "aria-hidden": "true" },
      all.length > 1 && [0, 0.25, 0.5, 0.75].map((share) => h("span", {
        text: (share ? monthDay : date)(all[Math.floor(share * (all.length - 1))]),
      })),
      all.length > 1 && h("span", { text: date(new Date(Date.parse(all[all.length - 1]) - 1)) })));
}

/** @param {number} by */
function move(by) {
  pause();
  setTimeline({ step: (current() + by + counts.length) % counts.length });
}

function toggle() {
  if (timer) pause();
  else play();
}

function play() {
  if (current() === last()) setTimeline({ step: 0 });
  timer = window.setInterval(() => {
    if (document.hidden) return;
    if (current() === last()) pause();
    else setTimeline({ step: current() + 1 });
  }, PACE / speed);
  mark();
}

function pause() {
  clearInterval(timer);
  timer = 0;
  mark();
}

function mark() {
  const old = byId("timeline").querySelector(".play");
  if (!old || old.id === `timeline-${timer ? "pause" : "play"}`) return;
  const key = timer ? "timeline.pause" : "timeline.play";
  old.id = `timeline-${timer ? "pause" : "play"}`;
  old.title = t(key);
  old.setAttribute("aria-label", t(key));
  fill(old, icon(timer ? "pause" : "play"));
}

/** The card on each map: what its colours mean while time plays. */
function legend() {
  if (!series) return;
  const { main, second } = plays();
  for (const [name, what] of /** @type {const} */ ([["main", main], ["second", second]])) {
    const card = byId(`view-${name}`).querySelector(".legend-card");
    card.hidden = !(what.heat || what.areas);
    fill(card, what.heat && heatLegend(), what.areas && areaLegend());
  }
}

function heatLegend() {
  const layer = app.layers.find((item) => item.id === layerOf(heatDrawing()));
  const row = layer?.legend[0];
  return [h("h3", { text: layer ? pick(layer.title) : "" }), h("ul", { class: "legend" }, h("li", { class: "ramp-row" },
    h("span", { text: t("timeline.heatScale") }),
    h("span", { class: "ramp", css: { "background-image": `linear-gradient(90deg, ${(row?.stops ?? []).map(([, colour]) => colour).join(", ")})` } }),
    h("span", { class: "ramp-ends" }, (row?.ends?.[language()] ?? []).map((text) => h("span", { text })))))];
}

function areaLegend() {
  const layer = app.layers.find((item) => item.id === layerOf(areaDrawing()));
  const found = classes(areaDrawing().paint["fill-color"], breaks);
  const unit = t("timeline.perKm2");
  return [h("h3", { text: t("timeline.areas", { level: t(`level.${level()}`) }) }), h("ul", { class: "legend" },
    h("li", { class: "ramp-row" }, h("span", { text: unit }),
      found.length ? h("ul", { class: "classes" }, found.map(({ colour, from, to }) => h("li", {},
        swatch({ zh: "", en: "", shape: "fill", color: colour }),
        h("span", { text: from === null ? `≤ ${figure(to)}` : `${figure(from)} – ${figure(to)}` }))))
        : h("p", { class: "note", text: t("legend.noClasses") })),
    (layer?.legend ?? []).filter((row) => row.shape !== "ramp").map((row) => h("li", {}, swatch(row),
      h("span", { text: rowLabel(row) }))))];
}
