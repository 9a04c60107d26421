/** Activities of a month, day by day and on the map. */

import { Marker, Popup } from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { address, getJSON, isAbort, latest } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { addDays, dateTime, isoDay, language, t } from "../i18n.js";
import { complain } from "../messages.js";
import { smallMap } from "../small_map.js";
import { begin, nameOf, option, showDistrict, words } from "./words.js";

const COLOURS = { publicity: "#1f78b4", duties: "#0b8a8a", waste: "#33a02c", volunteering: "#e66101", enforcement: "#8c510a", organisation: "#c51b4a" };
const SHOWN = 4;
const asking = latest();
/** @type {any} */
let ground = null;
/** @type {any[]} */
let markers = [];
const asked = { month: "", street: "", kind: "", state: "" };

async function start() {
  await begin();
  showDistrict();
  const link = new URLSearchParams(location.hash.slice(1));
  for (const name of /** @type {("month"|"street"|"kind"|"state")[]} */ (Object.keys(asked))) asked[name] = link.get(name) ?? "";
  if (!/^\d{4}-\d{2}$/.test(asked.month)) asked.month = isoDay(new Date()).slice(0, 7);
  const streets = (await getJSON("/api/areas/street", { limit: 500 })).items;
  /** @type {(name: "street"|"kind"|"state", label: string, options: [string, string][]) => any} */
  const select = (name, label, options) => h("label", {}, label, h("select", { class: "field", id: name, on: { change: (/** @type {any} */ event) => { asked[name] = event.target.value; void load(); } } },
    h("option", { value: "", text: t("com.all") }), options.map(([value, text]) => h("option", { value, text, selected: value === asked[name] }))));
  fill(byId("filters"),
    select("street", t("level.street"), streets.map(option)),
    select("kind", t("com.kind"), words.activity_kind.map(option)),
    select("state", t("com.stateLabel"), ["planned", "done", "cancelled"].map((state) => [state, t(`com.activity.${state}`)])));
  fill(byId("legend"), words.part.map((part) => h("li", {}, h("span", { class: "dot", css: { background: COLOURS[/** @type {"waste"} */ (part.code)] } }), nameOf(part))), h("li", { class: "note", text: t("com.legendPlanned") }));
  byId("before").addEventListener("click", () => turn(-1));
  byId("after").addEventListener("click", () => turn(1));
  try {
    ground = await smallMap(byId("map"), () => {});
  } catch (error) {
    byId("map").append(h("p", { class: "note", text: /** @type {Error} */ (error).message }));
  }
  await load();
  document.body.classList.add("ready");
}

/** @param {number} step */
function turn(step) {
  const [year, month] = asked.month.split("-").map(Number);
  const moved = new Date(Date.UTC(year, month - 1 + step, 1));
  asked.month = moved.toISOString().slice(0, 7);
  void load();
}

async function load() {
  history.replaceState(null, "", `#${new URLSearchParams(Object.entries(asked).filter(([, value]) => value))}`);
  const [year, month] = asked.month.split("-").map(Number);
  const first = `${asked.month}-01`;
  const end = new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 10);
  const query = { from: first, to: end, street: asked.street, kind: asked.kind, state: asked.state };
  try {
    const { items } = await getJSON("/api/activities", { ...query, order: "starts_at", limit: 1000 }, { signal: asking() });
    draw(items, first, end);
    showOnMap(items);
    byId("as-list").href = address("/lists", { of: "activities", ...query });
    for (const format of ["csv", "xlsx"]) byId(format).href = address("/api/activities", { ...query, format, lang: document.documentElement.dataset.lang });
  } catch (error) {
    if (!isAbort(error)) complain(t("com.calendar"), error, () => void load());
  }
}

/** @param {any[]} items @param {string} first @param {string} end days */
function draw(items, first, end) {
  byId("month-name").textContent = new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { timeZone: "UTC", year: "numeric", month: "long" }).format(new Date(`${first}T00:00:00Z`));
  byId("month-note").textContent = t("com.inMonth", { n: items.length, done: items.filter((one) => one.state === "done").length, unrecorded: items.filter((one) => one.unrecorded).length });
  /** @type {Map<string, any[]>} */
  const byDay = new Map();
  for (const one of items) byDay.set(isoDay(one.starts_at), [...(byDay.get(isoDay(one.starts_at)) ?? []), one]);
  const offset = (new Date(`${first}T00:00:00Z`).getUTCDay() + 6) % 7;
  const weeks = [];
  for (let day = addDays(first, -offset); day < end; day = addDays(day, 7)) weeks.push(Array.from({ length: 7 }, (_, at) => addDays(day, at)));
  const today = isoDay(new Date());
  fill(byId("month"),
    h("thead", {}, h("tr", {}, [1, 2, 3, 4, 5, 6, 7].map((day) => h("th", { scope: "col", text: t(`com.day.${day}`) })))),
    h("tbody", {}, weeks.map((week) => h("tr", {}, week.map((day) => h("td", { class: [day.slice(0, 7) === asked.month ? "" : "other", day === today ? "today" : ""].join(" ").trim() || null, data: { day } },
      h("span", { class: "day-number", text: String(Number(day.slice(8))) }), list(byDay.get(day) ?? [])))))));
}

/** @param {any[]} items of one day */
function list(items) {
  const box = h("ul", {}, items.slice(0, SHOWN).map(entry));
  if (items.length > SHOWN) box.append(h("li", {}, h("button", { type: "button", class: "more", text: t("com.moreOfDay", { n: items.length - SHOWN }), on: { click: () => fill(box, items.map(entry)) } })));
  return box;
}

/** @param {any} one */
const colourOf = (one) => COLOURS[/** @type {"waste"} */ (one.kind.part)] ?? "#6b7683";

/** @param {any} one */
const entry = (one) => h("li", {}, h("a", {
  class: one.state, href: `/communities/${encodeURIComponent(one.community.code)}#activities`, css: { "--kind": colourOf(one) },
  title: [one.title, nameOf(one.kind), t(`com.activity.${one.state}`), dateTime(one.starts_at), nameOf(one.community), one.place].filter(Boolean).join("\n"),
  text: `${nameOf(one.community)} ${one.title}`,
}));

/** @param {any[]} items */
function showOnMap(items) {
  if (!ground) return;
  for (const one of markers) one.remove();
  markers = items.filter((one) => one.lon !== null && one.state !== "cancelled").map((one) => {
    const marker = new Marker({ color: colourOf(one), scale: 0.6, opacity: one.state === "planned" ? "0.65" : "1" });
    marker.setLngLat([one.lon, one.lat]).setPopup(new Popup({ offset: 16 }).setDOMContent(h("div", {}, h("b", { text: one.title }), h("p", { text: [nameOf(one.kind), t(`com.activity.${one.state}`)].join(" · ") }), h("p", { text: [dateTime(one.starts_at), one.place].filter(Boolean).join(" · ") }), h("a", { class: "link", href: `/communities/${encodeURIComponent(one.community.code)}#activities`, text: nameOf(one.community) }))));
    return marker.addTo(ground.view.map);
  });
}

start().catch((error) => complain(t("com.calendar"), error, () => location.reload()));
