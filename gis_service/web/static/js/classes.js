/** The class filter: a searchable checklist by major, with counts. */

import { app } from "./app.js";
import { byId, fill, h } from "./dom.js";
import { language, number, onLanguage, t } from "./i18n.js";
import { get, on, setFilters } from "./state.js";

/** @typedef {import("./app.js").IncidentClass} IncidentClass */

let wanted = "";
/** @type {Set<string>} majors whose classes are listed */
const open = new Set();

/** @param {IncidentClass} item */
export const className = (item) => (language() === "en" && item.name_en ? item.name_en : item.name);

export function startClasses() {
  frame();
  list();
  on(["filters"], list);
  onLanguage(() => { frame(); list(); });
}

function frame() {
  fill(byId("class-filter"),
    h("input", {
      type: "search", class: "field", id: "class-search", value: wanted, placeholder: t("classes.search"),
      "aria-label": t("classes.search"),
      on: { input: (/** @type {any} */ event) => { wanted = event.target.value; list(); } },
    }),
    h("div", { id: "class-list", class: "class-list" }));
}

/** @returns {Map<string, IncidentClass[]>} classes by major, the most frequent first */
function byMajor() {
  /** @type {Map<string, IncidentClass[]>} */
  const majors = new Map();
  const text = wanted.trim().toLowerCase();
  for (const item of app.classes) {
    const words = [item.code, item.name, item.name_en, item.major_name, item.major_name_en].join(" ").toLowerCase();
    if (text && !words.includes(text)) continue;
    const key = `${item.kind}/${item.major}`;
    majors.set(key, [...(majors.get(key) ?? []), item]);
  }
  for (const items of majors.values()) items.sort((a, b) => b.count - a.count);
  return majors;
}

function list() {
  const chosen = new Set(get().filters.class);
  byId("class-summary").textContent = chosen.size ? t("filters.chosen", { n: chosen.size }) : t("filters.all");
  const box = byId("class-list");
  const top = box.scrollTop;
  const majors = byMajor();
  fill(box, [...majors].map(([key, items]) => major(key, items, chosen)),
    majors.size === 0 && h("p", { class: "note", text: t(app.classes.length ? "classes.none" : "classes.empty") }));
  box.scrollTop = top;
}

/** @param {string} key @param {IncidentClass[]} items @param {Set<string>} chosen */
function major(key, items, chosen) {
  const picked = items.filter((item) => chosen.has(item.code)).length;
  const shown = open.has(key) || wanted.trim() !== "";
  const name = majorName(items[0]);
  const box = h("input", {
    type: "checkbox", checked: picked === items.length, data: { focus: `major-${key}` },
    on: { change: (/** @type {any} */ event) => choose(items, event.target.checked) },
  });
  box.indeterminate = picked > 0 && picked < items.length;
  return h("div", { class: "major" },
    h("div", { class: "major-head" },
      h("label", {}, box, h("span", { text: name })),
      h("span", { class: "count", text: number(items.reduce((sum, item) => sum + item.count, 0)) }),
      h("button", {
        type: "button", class: "quiet small fold", "aria-expanded": String(shown), data: { focus: `fold-${key}` },
        "aria-label": t("classes.fold", { major: name }), text: shown ? "▾" : "▸",
        on: { click: () => { open[open.has(key) ? "delete" : "add"](key); list(); } },
      })),
    shown && h("div", { class: "checks" }, items.map((item) => h("label", {},
      h("input", {
        type: "checkbox", checked: chosen.has(item.code), data: { focus: `class-${item.code}` },
        on: { change: (/** @type {any} */ event) => choose([item], event.target.checked) },
      }),
      h("span", { text: className(item) }), h("span", { class: "count", text: number(item.count) })))));
}

/** @param {IncidentClass} item */
const majorName = (item) =>
  (language() === "en" && item.major_name_en) || item.major_name || item.major;

/** @param {IncidentClass[]} items @param {boolean} chosen */
function choose(items, chosen) {
  const codes = new Set(get().filters.class);
  for (const item of items) codes[chosen ? "add" : "delete"](item.code);
  setFilters({ class: [...codes] });
}
