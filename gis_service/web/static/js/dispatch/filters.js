/** Search, filters and named sets of them; kept in the browser, one set a name. */

import { getJSON } from "../api.js";
import { app } from "../app.js";
import { byId, debounce, fill, h, icon } from "../dom.js";
import { addDays, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { ask, desk, on } from "./desk.js";
import { className, squadName, unitName } from "./names.js";
import { chooser } from "./chooser.js";
import { FLAGS, filterCount, noFilters, SORTS, SOURCES, TABS } from "./query.js";
import { word } from "./row.js";

/** @typedef {{name: string, tab: string, sort: string, filters: import("./query.js").Filters}} Saved */

const KEY = "dispatch.filters";
/** @type {Record<string, string>} names of areas met so far, by level and code */
const areaNames = {};

export function startFilters() {
  const search = byId("inbox-search");
  const find = debounce(() => ask({ filters: { q: search.value } }), 250);
  search.addEventListener("input", find);
  byId("filter-toggle").addEventListener("click", () => show(byId("filter-box").hidden));
  byId("sort").addEventListener("change", (/** @type {any} */ event) => ask({ sort: event.target.value }));
  on("asked", () => {
    if (document.activeElement !== search) search.value = desk.filters.q;
    draw();
  });
  draw();
}

/** @param {boolean} shown */
function show(shown) {
  byId("filter-box").hidden = !shown;
  byId("filter-toggle").setAttribute("aria-expanded", String(shown));
  if (shown) panel();
}

function draw() {
  const count = filterCount(desk.filters);
  byId("filter-count").textContent = count ? String(count) : "";
  fill(byId("sort"), SORTS.map((sort) => h("option", { value: sort, text: t(`dispatch.sort.${sort.replace("-", "newest_")}`), selected: sort === desk.sort })));
  chips();
  if (!byId("filter-box").hidden) panel();
}

/** @param {"class"|"street"|"community"|"grid"|"unit"|"squad"|"source"} list @param {string} code */
function nameOf(list, code) {
  if (list === "class") return className(desk.classes.find((item) => item.code === code) ?? { code, name: code });
  if (list === "unit") return unitName(desk.units.find((item) => item.code === code) ?? { code, name: code });
  if (list === "squad") return squadName(desk.squads.find((item) => item.code === code) ?? { code, name: code });
  if (list === "source") return word("source", code);
  return areaNames[`${list}/${code}`] ?? code;
}

/** What restricts the list, each with a way to drop it. */
function chips() {
  const { filters } = desk;
  /** @type {[string, Partial<import("./query.js").Filters>][]} */
  const all = [];
  for (const list of /** @type {const} */ (["class", "street", "community", "grid", "unit", "squad", "source"])) {
    for (const code of filters[list]) all.push([nameOf(list, code), { [list]: filters[list].filter((one) => one !== code) }]);
  }
  for (const flag of FLAGS) if (filters[flag]) all.push([t(`dispatch.only.${flag}`), { [flag]: false }]);
  if (filters.from || filters.to) {
    const days = t("chip.time", { from: filters.from ? showDay(filters.from) : "…", to: filters.to ? showDay(addDays(filters.to, -1)) : "…" });
    all.push([days, { from: "", to: "" }]);
  }
  if (filters.bbox) all.push([t("dispatch.only.inView"), { bbox: null }]);
  const box = byId("inbox-chips");
  box.hidden = !all.length;
  fill(box, all.map(([text, rest]) => h("span", { class: "chip" }, h("span", { text }), h("button", {
    type: "button", class: "quiet", "aria-label": t("chip.remove", { filter: text }), on: { click: () => ask({ filters: rest }) },
  }, icon("close")))),
  all.length > 1 && h("button", { type: "button", class: "link", text: t("chip.clear"), on: { click: () => ask({ filters: { ...noFilters(), q: desk.filters.q } }) } }));
}

function panel() {
  const { filters } = desk;
  const focused = document.activeElement?.id;
  const add = (/** @type {"class"|"street"|"community"|"unit"|"squad"} */ list) => (/** @type {{code: string, name: string}} */ item) => {
    areaNames[`${list}/${item.code}`] = item.name;
    if (!filters[list].includes(item.code)) ask({ filters: { [list]: [...filters[list], item.code] } });
  };
  const areas = (/** @type {"street"|"community"} */ level) => async (/** @type {string} */ text) =>
    (await getJSON(`/api/areas/${level}`, { q: text, limit: 20 })).items.map(
      (/** @type {any} */ item) => ({ code: item.code, name: item.name || item.code }));
  const among = (/** @type {any[]} */ items, /** @type {(item: any) => string} */ name) => async (/** @type {string} */ text) =>
    items.filter((item) => `${item.code} ${item.name} ${item.name_en ?? ""}`.toLowerCase().includes(text.toLowerCase()))
      .map((item) => ({ code: item.code, name: name(item) }));
  const field = (/** @type {string} */ key, /** @type {any} */ content) =>
    h("label", { class: "filter-field" }, h("span", { text: t(key) }), content);
  fill(byId("filter-box"),
    h("div", { class: "filter-grid" },
      field("dispatch.filter.class", chooser({ id: "filter-class", find: among(desk.classes, className), choose: add("class"), placeholder: t("dispatch.filter.any") })),
      field("dispatch.filter.street", chooser({ id: "filter-street", find: areas("street"), choose: add("street"), placeholder: t("dispatch.filter.any") })),
      field("dispatch.filter.community", chooser({ id: "filter-community", find: areas("community"), choose: add("community"), placeholder: t("dispatch.filter.any") })),
      field("dispatch.filter.unit", chooser({ id: "filter-unit", find: among(desk.units, unitName), choose: add("unit"), placeholder: t("dispatch.filter.any") })),
      field("dispatch.filter.squad", chooser({ id: "filter-squad", find: among(desk.squads, squadName), choose: add("squad"), placeholder: t("dispatch.filter.any") })),
      field("dispatch.filter.source", h("select", {
        class: "field", id: "filter-source",
        on: { change: (/** @type {any} */ event) => ask({ filters: { source: event.target.value ? [event.target.value] : [] } }) },
      }, h("option", { value: "", text: t("dispatch.filter.any") }),
      SOURCES.map((source) => h("option", { value: source, text: word("source", source), selected: filters.source[0] === source })))),
      field("time.from", day("filter-from", filters.from, (value) => ({ from: value }))),
      field("time.to", day("filter-to", filters.to && addDays(filters.to, -1), (value) => ({ to: value && addDays(value, 1) })))),
    h("div", { class: "filter-flags" }, [...FLAGS, "inView"].map((flag) => h("label", { class: "check" },
      h("input", {
        type: "checkbox", id: `filter-${flag}`, checked: flag === "inView" ? filters.bbox !== null : /** @type {any} */ (filters)[flag],
        on: { change: (/** @type {any} */ event) => ask({ filters: flag === "inView"
          ? { bbox: event.target.checked ? app.main.bbox : null } : { [flag]: event.target.checked } }) },
      }), h("span", { text: t(`dispatch.only.${flag}`) })))),
    saved());
  if (focused) byId(focused)?.focus();
}

/** @param {string} id @param {string} value @param {(value: string) => Partial<import("./query.js").Filters>} patch */
const day = (id, value, patch) => h("input", {
  type: "date", class: "field", id, value, on: { change: (/** @type {any} */ event) => {
    const next = { ...desk.filters, ...patch(event.target.value) };
    if (next.from && next.to && next.from >= next.to) say(t("time.reversed"), { key: "time", kind: "error", seconds: 6 });
    else ask({ filters: patch(event.target.value) });
  } },
});

/** @returns {Saved[]} */
function savedSets() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((set) => set?.name && TABS.some(({ id }) => id === set.tab)) : [];
  } catch {
    return [];
  }
}

/** @param {Saved[]} sets */
function keep(sets) {
  try {
    localStorage.setItem(KEY, JSON.stringify(sets));
  } catch (error) {
    complain(t("dispatch.saved.what"), error);
  }
  panel();
}

function saved() {
  const sets = savedSets();
  const name = h("input", { class: "field", id: "saved-name", maxLength: 30, placeholder: t("dispatch.saved.name"), "aria-label": t("dispatch.saved.name") });
  return h("form", {
    class: "saved", on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = name.value.trim();
      if (!text) { name.focus(); return; }
      const set = { name: text, tab: desk.tab, sort: desk.sort, filters: desk.filters };
      keep([...savedSets().filter((one) => one.name !== text), set]);
      say(t("dispatch.saved.done", { name: text }));
    } },
  },
  sets.length > 0 && h("ul", { class: "saved-sets" }, sets.map((set) => h("li", { class: "chip" },
    h("button", { type: "button", class: "link", text: set.name, on: { click: () => use(set) } }),
    h("button", { type: "button", class: "quiet", "aria-label": t("dispatch.saved.drop", { name: set.name }),
      on: { click: () => keep(savedSets().filter((one) => one.name !== set.name)) } }, icon("close"))))),
  h("div", { class: "saved-new" }, name, h("button", { type: "submit", class: "button", text: t("dispatch.saved.save") })));
}

/** @param {Saved} set */
function use(set) {
  ask({ tab: set.tab, filters: { ...noFilters(), ...set.filters } });
  if (SORTS.includes(set.sort) && set.sort !== desk.sort) ask({ sort: set.sort });
}
