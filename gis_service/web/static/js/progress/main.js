/** The plan's progress: stages, tasks, communities on the map; every figure opens its list. */

import { may } from "../account.js";
import { address, getJSON, isAbort, latest, send } from "../api.js";
import { app } from "../app.js";
import { openForm } from "../communities/forms.js";
import { keepAsked } from "../asked.js";
import { byId, fill, h } from "../dom.js";
import { addDays, isoDay, language, listed, number, pick, setLanguage, setTimezone, showDay, t } from "../i18n.js";
import { legendRows } from "../legend.js";
import { canDraw, MapView } from "../map.js";
import { complain, notice, say } from "../messages.js";
import { ordered } from "../style.js";
import { tileSource } from "../tiles.js";

const STATES = ["done", "missing", "soon", "open"];
const RECTIFICATIONS = ["open", "late", "closed"];
const SHOWN = ["basemap", "areas"];
const RECTIFY_DAYS = 14;
const next = latest();
const nextList = latest();
/** what is asked for, as it stands in the address */
const asked = { community: "", unit: "", part: "", stage: "", as_of: "" };
/** @type {any[]} */
let communities = [];
/** @type {any[]} */
let units = [];
/** @type {any} the list that is open */
let behind = null;
/** of the rectifications: open, late, closed or all */
let wanted = "";

const named = (/** @type {any} */ row, field = "name") => (language() === "en" && row[`${field}_en`]) || row[field];

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, layers, style, areas, every] = await Promise.all([
    getJSON("/api/district"), getJSON("/api/layers"), getJSON("/styles/map.json"),
    getJSON("/api/areas/community", { limit: 1000 }), getJSON("/api/units"),
  ]);
  [app.district, app.layers, app.style, communities, units] = [district, layers.items, style, areas.items, every.items];
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  const given = new URLSearchParams(location.search);
  for (const name of /** @type {(keyof typeof asked)[]} */ (Object.keys(asked))) asked[name] = given.get(name) ?? "";
  if (RECTIFICATIONS.includes(given.get("rectifications") ?? "")) wanted = given.get("rectifications") ?? "";
  await load();
  filters();
  await map();
  const named = { task: given.get("task"), state: STATES.includes(given.get("state") ?? "") ? given.get("state") : null };
  const rectified = given.get("rectifications");
  if (named.task || named.state) await list(named);
  else if (rectified) byId("rectifications").scrollIntoView();
  document.body.classList.add("ready");
}

/** @type {any} */
let whole = null;

/** The open list stands in the address, too, unless it is narrowed further than the filters are. */
function keep() {
  const { task = "", state = "", unit, community } = behind ?? {};
  keepAsked({ ...asked, ...(unit || community ? {} : { task, state }), rectifications: wanted });
}

async function load() {
  const signal = next();
  keep();
  try {
    const [found, open] = await Promise.all([getJSON("/api/progress", asked, { signal }), getJSON("/api/progress/rectifications", { as_of: asked.as_of, state: wanted }, { signal })]);
    whole = found;
    draw(found);
    rectifications(open.items);
  } catch (error) {
    if (!isAbort(error)) complain(t("progress.title"), error, () => void load());
  }
}

function filters() {
  const choice = (/** @type {keyof typeof asked} */ name, /** @type {[string, string][]} */ options) => h("label", {}, t(`progress.ask.${name}`),
    h("select", { class: "field", id: `ask-${name}`, on: { change: (/** @type {any} */ event) => { asked[name] = event.target.value; behind = null; byId("behind").hidden = true; void load(); } } },
      [["", t("figures.all")], ...options].map(([value, text]) => h("option", { value, text, selected: asked[name] === value }))));
  const parts = new Map(whole.tasks.map((/** @type {any} */ task) => [task.part, named(task, "part")]));
  fill(byId("filters"),
    choice("stage", whole.stages.map((/** @type {any} */ one) => [one.code, named(one)])),
    choice("part", /** @type {any} */ ([...parts])),
    choice("unit", units.map((one) => [one.code, named(one)])),
    choice("community", communities.map((one) => [one.code, `${one.name} ${one.code}`])),
    asked.as_of && h("span", { class: "note", text: t("progress.asOf", { day: showDay(whole.as_of) }) }),
    may("report.read") && h("span", { class: "documents" }, ["month", "year"].map((kind) => h("a", {
      class: "button", href: address("/api/reports/review", { period: whole.as_of.slice(0, kind === "year" ? 4 : 7), lang: language() }), text: t(`progress.document.${kind}`),
    }))));
}

/** @param {any} found */
function draw(found) {
  fill(byId("stages"), found.stages.map((/** @type {any} */ one) => h("li", { class: one.now ? "now" : one.ends_on < found.as_of ? "past" : null },
    h("b", { text: named(one) }), h("small", { text: `${showDay(one.begins_on)} – ${showDay(one.ends_on)}${one.now ? ` · ${t("progress.now")}` : ""}` }))),
  !found.stages.length && h("li", { text: t("progress.noPlan") }));
  const { total } = found;
  fill(byId("cards"), STATES.map((state) => h("div", { class: `card ${state}`, data: { figure: state } },
    h("span", { text: t(`progress.state.${state}`) }),
    h("button", { type: "button", title: t("progress.openList"), on: { click: () => void list({ state }) } }, h("b", { text: number(total[state]) })),
    h("small", { text: t(`progress.means.${state}`, { of: number(total.of) }) }))));
  /** @type {Map<string, any[]>} */
  const parts = new Map();
  for (const task of found.tasks) parts.set(task.part, [...(parts.get(task.part) ?? []), task]);
  fill(byId("tasks"), [...parts.values()].flatMap((tasks) => [
    h("h3", { class: "part-head", text: named(tasks[0], "part") }),
    ...tasks.map((task) => h("button", { type: "button", class: "task", title: task.phrase, data: { task: task.task }, on: { click: () => void list({ task: task.task }) } },
      h("span", {}, `${task.task} ${named(task)}`, h("small", { text: [t(`progress.scope.${task.scope}`), t("progress.due", { day: showDay(task.due_on) }), listed(task.units.map(unitName))].join(" · ") })),
      bar(task),
      h("span", { class: task.missing ? "n missing" : "n", text: task.missing ? t("progress.lacks", { n: number(task.missing), of: number(task.of) }) : `${number(task.done)}/${number(task.of)}` }))),
  ]));
  fill(byId("units"), h("p", { class: "note", text: t("progress.unitsNote") }), h("div", { class: "scroll-x" }, h("table", {},
    h("thead", {}, h("tr", {}, [t("progress.ask.unit"), ...STATES.map((state) => t(`progress.state.${state}`))].map((text) => h("th", { text })))),
    h("tbody", {}, found.units.map((/** @type {any} */ one) => h("tr", { data: { unit: one.unit } }, h("th", { scope: "row", text: named(one) }),
      STATES.map((state) => h("td", {}, one[state] ? h("button", { type: "button", class: "link", text: number(one[state]), on: { click: () => void list({ state, unit: one.unit }) } }) : "0"))))))));
}

/** @param {string} code */
const unitName = (code) => { const found = units.find((one) => one.code === code); return found ? named(found) : code; };

/** @param {any} counts */
const bar = (counts) => h("span", { class: "bar-of", "aria-hidden": "true" }, STATES.slice(0, 3).map((state) => counts[state] > 0
  && h("i", { class: state, css: { width: `${counts[state] / counts.of * 100}%` } })));

/** The list behind a figure. @param {Record<string, any>} query */
async function list(query) {
  const signal = nextList();
  try {
    const { items } = await getJSON("/api/progress/items", { ...asked, ...query }, { signal });
    behind = query;
    keep();
    const box = byId("behind");
    box.hidden = false;
    fill(box,
      h("h2", { text: [query.task, query.state && t(`progress.state.${query.state}`), query.unit && unitName(query.unit), query.community && communities.find((one) => one.code === query.community)?.name]
        .filter(Boolean).join(" · ") + t("progress.items", { n: number(items.length) }) }),
      query.task && items[0] && h("p", { class: "note", text: whole.tasks.find((/** @type {any} */ one) => one.task === query.task)?.phrase }),
      h("ul", { class: "behind-list" }, items.slice(0, 400).map(itemRow)));
    box.focus();
  } catch (error) {
    if (!isAbort(error)) complain(t("progress.tasks"), error);
  }
}

/** @param {any} item */
const itemRow = (item) => h("li", { data: { state: item.state } },
  h("span", {}, item.community ? h("a", { href: `/communities/${encodeURIComponent(item.community)}`, text: item.community_name ?? item.community }) : t("progress.bureau"),
    " ", h("small", { text: `${item.task} ${named(item)}` })),
  h("span", { class: `state-word ${item.state}`, text: t(`progress.state.${item.state}`) }),
  h("small", { text: item.done_on && item.state === "done" ? t(item.late ? "progress.doneLate" : "progress.doneOn", { day: showDay(item.done_on) })
    : [t("progress.due", { day: showDay(item.due_on) }), item.measure && item.target > 1 && t("progress.events", { n: number(item.events), target: number(item.target) })].filter(Boolean).join(" · ") }),
  item.rectify_by && h("small", { text: t("progress.rectifyBy", { day: showDay(item.rectify_by) }) }),
  may("progress.record") && item.state !== "done" && h("button", { type: "button", class: "button small-button", text: t("progress.record"), on: { click: () => void record(item) } }),
  may("progress.record") && item.record_id && h("button", { type: "button", class: "button small-button", text: t("progress.takeBack"), on: { click: () => void takeBack(item) } }),
  may("progress.manage") && item.state === "missing" && !item.rectify_by && h("button", { type: "button", class: "button small-button", text: t("progress.rectify"), on: { click: () => void rectify(item) } }));

async function again() {
  await load();
  if (behind) await list(behind);
  app.main?.renew("progress");
}

/** @param {() => Promise<any>} work @param {string} said */
async function attempt(work, said) {
  try {
    await work();
    say(said);
    await again();
  } catch (error) {
    complain(t("progress.title"), error);
  }
}

/** @param {any} item */
const record = (item) => attempt(() => send("PUT", "/api/progress/records", { task: item.task, community: item.community, done_on: isoDay(new Date()) }), t("progress.recorded"));
/** @param {any} item */
const takeBack = (item) => attempt(() => send("DELETE", `/api/progress/records/${item.record_id}`), t("progress.takenBack"));
/** Owner and deadline are proposed; who puts it on the list decides. @param {any} item */
const rectify = (item) => rectifyForm(t("progress.rectify"), item.units, {
  unit: item.units[0], deadline: addDays(isoDay(new Date()), RECTIFY_DAYS),
  problem: t("progress.problem", { place: item.community_name ?? t("progress.bureau"), task: named(item) }),
}, async (said) => {
  await send("POST", "/api/progress/rectifications", { task: item.task, community: item.community, ...said });
  say(t("progress.onList"));
  await again();
});

/** @param {any} one of the rectification list */
const change = (one) => rectifyForm(t("progress.change"), whole.tasks.find((/** @type {any} */ task) => task.task === one.task)?.units ?? [one.unit], one, async (said) => {
  await send("PATCH", `/api/progress/rectifications/${one.id}`, { ...said, version: one.version });
  say(t("progress.changed"));
  await again();
});

/**
 * @param {string} title @param {string[]} answering units that answer for the task: they stand first
 * @param {any} values @param {(said: any) => Promise<void>} save
 */
function rectifyForm(title, answering, values, save) {
  const own = (/** @type {any} */ one) => answering.includes(one.code);
  const choices = [...units.filter(own), ...units.filter((one) => !own(one) && one.active !== false)];
  openForm(title, [
    { name: "problem", label: t("progress.head.problem"), kind: "words", required: true, most: 500 },
    { name: "unit", label: t("progress.head.owner"), kind: "select", options: choices.map((one) => [one.code, own(one) ? t("progress.answers", { unit: named(one) }) : named(one)]) },
    { name: "deadline", label: t("progress.head.deadline"), kind: "date", required: true },
  ], values, save);
}

/** @param {any[]} items */
function rectifications(items) {
  const which = h("label", { class: "note" }, h("select", { class: "field", id: "ask-rectifications", "aria-label": t("progress.rectifications"), on: { change: (/** @type {any} */ event) => { wanted = event.target.value; void load(); } } },
    ["", ...RECTIFICATIONS].map((value) => h("option", { value, text: value ? t(`progress.rectification.${value}`) : t("figures.all"), selected: value === wanted }))), " ", t("progress.listed", { n: number(items.length) }));
  if (!items.length) return fill(byId("rectifications"), which, h("p", { class: "note", text: t("progress.noRectifications") }));
  fill(byId("rectifications"), which, h("div", { class: "scroll-x" }, h("table", {}, h("thead", {}, h("tr", {}, ["problem", "owner", "deadline", "result"].map((one) => h("th", { text: t(`progress.head.${one}`) })))),
    h("tbody", {}, items.map((one) => h("tr", { data: { rectification: String(one.id) } },
      h("th", { scope: "row" }, one.problem, !one.closed_on && may("progress.manage") && [" ", h("button", { type: "button", class: "link", text: t("progress.change"), on: { click: () => change(one) } })]), h("td", { text: one.unit_name_en && language() === "en" ? one.unit_name_en : one.unit_name }),
      h("td", { class: one.late ? "late" : null, text: showDay(one.deadline) }),
      h("td", {}, one.closed_on ? t("progress.closed", { day: showDay(one.closed_on), result: one.result }) : may("progress.manage")
        ? h("form", { class: "figures-inline", on: { submit: (/** @type {any} */ event) => {
          event.preventDefault();
          void attempt(() => send("PUT", `/api/progress/rectifications/${one.id}`, { closed_on: isoDay(new Date()), result: String(new FormData(event.target).get("result")) }), t("progress.closedNow"));
        } } },
        h("input", { class: "field", name: "result", required: true, maxLength: 500, placeholder: t("progress.head.result"), "aria-label": t("progress.head.result") }),
        h("button", { type: "submit", class: "button small-button", text: t("progress.close") })) : t("progress.openStill"))))))));
}

async function map() {
  if (!app.district.bbox || !canDraw()) {
    byId("map").append(h("p", { class: "no-map", text: t(app.district.bbox ? "error.webgl" : "empty.title") }));
    return;
  }
  app.style = ordered(app.style, app.layers);
  app.main = new MapView(byId("map"), {
    style: app.style,
    tiles: Object.fromEntries(app.layers.map((layer) => [layer.id, tileSource(layer)])),
    shown: Object.fromEntries(app.layers.map((layer) => [layer.id, {
      on: layer.id === "progress" || (SHOWN.includes(layer.group) && !["building", "grid"].includes(layer.id)), opacity: 1,
    }])),
    camera: null, bounds: /** @type {any} */ (app.district.bbox), padding: 14,
  });
  const layer = app.layers.find((one) => one.id === "progress");
  if (layer) fill(byId("legend"), legendRows(layer, undefined, app.style));
  await app.main.ready;
  app.main.map.on("click", "progress-fill", (/** @type {any} */ event) => {
    const code = event.features?.[0]?.properties.code;
    if (code) void list({ community: code });
  });
}

start().catch((error) => {
  console.warn(error);
  notice(t("progress.title"), h("p", { text: error.message }), h("p", { text: t("error.startHint") }),
    h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => location.reload() } }));
});
