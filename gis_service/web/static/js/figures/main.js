/** The page of figures: how early incidents are found, how fast and how well they are handled. */

import { address, getJSON, isAbort, latest } from "../api.js";
import { keepAsked } from "../asked.js";
import { byId, fill, h } from "../dom.js";
import { addDays, dateTime, isoDay, language, number, pick, setLanguage, setTimezone, showDay, t } from "../i18n.js";
import { complain, dismiss } from "../messages.js";
import { bars, line } from "./charts.js";
import { basis, FIGURES, GROUPS, label, PERIODS, RATES, rests, TIMES, value, written } from "./kinds.js";

const DAYS = ["30", "90", "365", "all", "own"];
const next = latest();
/** what is asked for, as it stands in the page's address */
const asked = {
  by: "community", figure: "on_time", days: "365", from: "", to: "", street: "", class: "", unit: "",
  boundaries: "current", time: "reported",
};
/** @type {any} */
let district = {};
/** @type {any[]} */
let items = [];
let sorted = { name: "count", up: false };

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of /** @type {(keyof typeof asked)[]} */ (Object.keys(asked))) asked[name] = given.get(name) ?? asked[name];
  if (!GROUPS.includes(asked.by)) asked.by = "community";
  if (!FIGURES.includes(asked.figure)) asked.figure = "on_time";
  if (!DAYS.includes(asked.days)) asked.days = "365";
}

function writeAddress() {
  keepAsked(asked);
}

/** The filters as the API takes them; the range counts back from the last report. */
function query() {
  let { from, to } = asked;
  if (asked.days !== "own") {
    const last = district.incidents.last ? isoDay(district.incidents.last) : isoDay(new Date());
    from = asked.days === "all" ? "" : addDays(last, 1 - Number(asked.days));
    to = "";
  } else if (to) to = addDays(to, 1);
  return { from, to, street: asked.street, class: asked.class, unit: asked.unit, boundaries: asked.boundaries, time: asked.time };
}

// -- filters ---------------------------------------------------------------------------------

/** @param {keyof typeof asked} name @param {[string, string][]} options value and words */
const choice = (name, options) => h("label", {}, t(`figures.ask.${name}`),
  h("select", {
    class: "field", id: `ask-${name}`,
    on: { change: (/** @type {any} */ event) => { asked[name] = event.target.value; drawFilters.days(); void load(); } },
  }, options.map(([one, words]) => h("option", { value: one, selected: asked[name] === one, text: words }))));

/** @param {"from"|"to"} name */
const day = (name) => h("label", { class: "own-day" }, t(`figures.ask.${name}`), h("input", {
  class: "field", type: "date", id: `ask-${name}`, value: asked[name],
  on: { change: (/** @type {any} */ event) => { asked[name] = event.target.value; void load(); } },
}));

async function drawFilters() {
  const [streets, classes, units] = await Promise.all([
    getJSON("/api/areas/street", { limit: 1000 }), getJSON("/api/classes"), getJSON("/api/units"),
  ]);
  const named = (/** @type {any} */ row) => (language() === "en" && row.name_en) || row.name;
  const all = /** @type {[string, string]} */ (["", t("figures.all")]);
  /** @type {Map<string, string>} */
  const known = new Map(classes.items.filter((/** @type {any} */ row) => row.count).map((/** @type {any} */ row) => [row.code, named(row)]));
  fill(byId("filters"),
    choice("by", GROUPS.map((name) => [name, t(`figures.group.${name}`)])),
    choice("figure", FIGURES.map((name) => [name, t(`figures.name.${name}`)])),
    choice("days", DAYS.map((name) => [name, t(`figures.range.${name}`)])),
    day("from"), day("to"),
    choice("street", [all, ...streets.items.map((/** @type {any} */ row) => [row.code, row.name])]),
    choice("class", [all, ...known]),
    choice("unit", [all, ...units.items.map((/** @type {any} */ row) => [row.code, named(row)])]),
    choice("boundaries", ["current", "filed"].map((name) => [name, t(`figures.bounds.${name}`)])),
    choice("time", ["reported", "due"].map((name) => [name, t(`figures.moment.${name}`)])));
  drawFilters.days();
}
drawFilters.days = () => {
  for (const label_ of document.querySelectorAll(".own-day")) /** @type {HTMLElement} */ (label_).hidden = asked.days !== "own";
};

// -- answers ---------------------------------------------------------------------------------

async function load() {
  const signal = next();
  writeAddress();
  document.body.classList.add("busy");
  try {
    // so many points that a line can be read
    const trend = PERIODS.includes(asked.by) ? asked.by : ["30", "90"].includes(asked.days) ? "week" : "month";
    const [groups, periods] = await Promise.all([
      getJSON("/api/metrics", { ...query(), by: asked.by, limit: 5000 }, { signal }),
      getJSON("/api/metrics", { ...query(), by: trend, limit: 5000 }, { signal }),
    ]);
    dismiss("load");
    items = groups.items;
    drawCards(groups.total);
    draw(groups, periods.items, trend);
  } catch (error) {
    if (!isAbort(error)) complain(t("figures.title"), error, load);
  } finally {
    if (!signal.aborted) document.body.classList.remove("busy");
  }
}

/** @param {any} total */
function drawCards(total) {
  fill(byId("cards"), FIGURES.map((name) => h("div", { class: "card", data: { figure: name } },
    h("span", { text: t(`figures.name.${name}`) }),
    h("b", { text: written(value(total, name), name) }),
    h("small", { text: name === "count" ? t("figures.effective", { n: number(total.effective) }) : basis(total, name) }))));
}

/** @param {any} groups @param {any[]} periods @param {string} trend */
function draw(groups, periods, trend) {
  const few = district.minimum_count;
  const name = asked.figure;
  const words = { figure: t(`figures.name.${name}`), group: t(`figures.group.${asked.by}`) };
  line(byId("trend"), {
    items: periods, name, few, title: t("figures.over", { ...words, group: t(`figures.group.${trend}`) }), label: (item) => label(item, trend, showDay),
  });
  bars(byId("bars"), { items, name, few, title: t("figures.by", words), label: (item) => label(item, asked.by, showDay) });
  byId("table-title").textContent = t("figures.of", words);
  byId("table-note").textContent = t("figures.groups", { n: groups.groups }) + (groups.next ? ` ${t("figures.cut", { n: items.length })}` : "");
  for (const format of ["csv", "xlsx"]) {
    byId(format).href = address("/api/metrics/export", { ...query(), by: asked.by, format, lang: language() });
  }
  byId("gpkg").href = address("/api/exports/metrics.gpkg", { ...query(), by: asked.by, lang: language() });
  byId("as-of").textContent = t("figures.asOf", { when: dateTime(groups.now) });
  drawTable();
}

function drawTable() {
  const few = district.minimum_count;
  const { name, up } = sorted;
  const key = (/** @type {any} */ item) => (name === "group" ? label(item, asked.by, (one) => one) : value(item, name));
  const rows = [...items].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null); // nothing measured stands last
    const order = typeof x === "string" ? x.localeCompare(String(y), language()) : x - /** @type {number} */ (y);
    return up ? order : -order;
  });
  const head = (/** @type {string} */ one, /** @type {string} */ text) => h("th", {
    scope: "col", "aria-sort": name === one ? (up ? "ascending" : "descending") : "none",
  }, h("button", {
    type: "button", text: text + (name === one ? (up ? " ↑" : " ↓") : ""), data: { sort: one },
    on: { click: () => { sorted = { name: one, up: name === one ? !up : one === "group" }; drawTable(); } },
  }));
  const cell = (/** @type {any} */ item, /** @type {string} */ one) => {
    const found = value(item, one);
    return h("td", { class: one !== "count" && rests(item, one) < few ? "few" : null }, written(found, one),
      one !== "count" && h("small", { text: basis(item, one) }));
  };
  fill(byId("table"),
    h("thead", {}, h("tr", {}, head("group", t(`figures.group.${asked.by}`)), FIGURES.map((one) => head(one, t(`figures.name.${one}`))))),
    h("tbody", {}, rows.slice(0, 500).map((item) => h("tr", {},
      h("th", { scope: "row", text: label(item, asked.by, showDay) }), FIGURES.map((one) => cell(item, one))))));
}

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  readAddress();
  district = await getJSON("/api/district");
  setTimezone(district.timezone);
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  fill(byId("meaning"), [...RATES, ...TIMES].map((name) => [h("dt", { text: t(`figures.name.${name}`) }), h("dd", { text: t(`figures.means.${name}`) })]).flat());
  await drawFilters();
  await load();
  document.body.classList.add("ready");
}

start().catch((error) => complain(t("figures.title"), error, () => location.reload()));
