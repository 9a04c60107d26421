/** Which incidents are shown: the chips of what is set, states, and the counts under them. */

import { filterQuery, getJSON, isAbort, latest } from "./api.js";
import { ENDED, OPEN, STATES } from "./app.js";
import { byId, debounce, fill, h, icon } from "./dom.js";
import { number, onLanguage, showDay, addDays, t } from "./i18n.js";
import { complain } from "./messages.js";
import { AREA_FILTERS, filterCount, get, noFilters, on, setFilters, set } from "./state.js";
import { startClasses } from "./classes.js";
import { startTime } from "./time.js";

/** @typedef {import("./state.js").Filters} Filters */

/** @type {Map<string, string>} names of areas that chips mention, by level/code */
const names = new Map();

/** @param {string} level @param {string} code @param {string} name */
export const remember = (level, code, name) => void names.set(`${level}/${code}`, name);

export function startFilters() {
  startTime();
  startClasses();
  drawStates();
  drawChips();
  void renewCount();
  on(["filters"], () => { drawStates(); drawChips(); countSoon(); });
  onLanguage(() => { drawStates(); drawChips(); drawCount(); });
}

function drawStates() {
  const chosen = get().filters.state;
  byId("state-summary").textContent = chosen.length ? t("filters.chosen", { n: chosen.length }) : t("filters.all");
  const same = (/** @type {string[]} */ states) =>
    states.length === chosen.length && states.every((state) => chosen.includes(state));
  const box = byId("state-filter");
  fill(box,
    h("div", { class: "presets", role: "group", "aria-label": t("states.title") },
      [["all", []], ["open", OPEN], ["ended", ENDED]].map(([name, states]) => h("button", {
        type: "button", class: "preset", text: t(`states.${name}`), data: { focus: `states-${name}` },
        "aria-pressed": String(same(/** @type {string[]} */ (states))),
        on: { click: () => setFilters({ state: [...states] }) },
      }))),
    h("div", { class: "checks two" }, STATES.map((state) => h("label", {},
      h("input", {
        type: "checkbox", checked: chosen.includes(state), data: { focus: `state-${state}` },
        on: {
          change: (/** @type {any} */ event) => setFilters({
            state: event.target.checked ? [...chosen, state] : chosen.filter((item) => item !== state),
          }),
        },
      }), h("span", { text: t(`state.${state}`) })))));
}

/** @returns {{key: string, text: string, clear: Partial<Filters>}[]} what is set, in words */
export function described() {
  const { filters } = get();
  /** @type {{key: string, text: string, clear: Partial<Filters>}[]} */
  const out = [];
  if (filters.from || filters.to) {
    const from = filters.from ? showDay(filters.from) : "…";
    const to = filters.to ? showDay(addDays(filters.to, -1)) : "…";
    out.push({ key: "time", text: t("chip.time", { from, to }), clear: { from: "", to: "" } });
  }
  if (filters.class.length) {
    out.push({ key: "class", text: t("chip.classes", { n: filters.class.length }), clear: { class: [] } });
  }
  if (filters.state.length) {
    const text = filters.state.length === 1 ? t(`state.${filters.state[0]}`)
      : t("chip.states", { n: filters.state.length });
    out.push({ key: "state", text, clear: { state: [] } });
  }
  for (const level of AREA_FILTERS) {
    for (const code of filters[level]) {
      out.push({
        key: `${level}/${code}`,
        text: `${t(`level.${level}`)} ${names.get(`${level}/${code}`) ?? code}`,
        clear: { [level]: filters[level].filter((item) => item !== code) },
      });
    }
  }
  return out;
}

function drawChips() {
  const chips = described();
  const box = byId("active-filters");
  box.hidden = chips.length === 0;
  fill(box, chips.map((chip) => h("span", { class: "chip" }, h("span", { text: chip.text }), h("button", {
    type: "button", class: "quiet", "aria-label": t("chip.remove", { filter: chip.text }),
    on: { click: () => setFilters(chip.clear) },
  }, icon("close")))),
  chips.length > 1 && h("button", {
    type: "button", class: "link", text: t("chip.clear"), on: { click: () => set({ filters: noFilters() }) },
  }));
  for (const level of AREA_FILTERS) {
    for (const code of get().filters[level]) {
      if (!names.has(`${level}/${code}`)) void learn(level, code);
    }
  }
}

/** @param {string} level @param {string} code */
async function learn(level, code) {
  remember(level, code, code);
  try {
    const found = await getJSON(`/api/areas/${level}/${encodeURIComponent(code)}`);
    remember(level, code, found.name);
    drawChips();
  } catch { /* the chip keeps the code */ }
}

const signal = latest();
/** @type {{count: number, unplaced: number, total: number}|null} */
let counted = null;
const countSoon = debounce(() => void renewCount(), 120);

export async function renewCount() {
  try {
    counted = await getJSON("/api/incidents/count", filterQuery(get().filters), { signal: signal() });
    drawCount();
  } catch (error) {
    if (!isAbort(error)) complain(t("counts.what"), error, renewCount);
  }
}

/** The counts in words: how many of how many, and how many of these have no place. */
export function countText() {
  if (!counted) return t("counts.loading");
  return t(filterCount() ? "counts.filtered" : "counts.all", {
    shown: number(counted.count),
    total: number(counted.total),
    unplaced: number(counted.unplaced),
  });
}

function drawCount() {
  byId("counts").textContent = countText();
}
