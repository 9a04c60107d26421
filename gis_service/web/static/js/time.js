/** The time range: presets and days. */

import { app } from "./app.js";
import { byId, fill, h } from "./dom.js";
import { addDays, isoDay, onLanguage, showDay, t } from "./i18n.js";
import { say } from "./messages.js";
import { get, on, setFilters } from "./state.js";

const PRESETS = [7, 30, 90, 365];

/**
 * The day after the last one of interest: tomorrow, or the day after the data end where they end
 * in the past.
 */
export function endDay() {
  const { last } = app.district.incidents;
  const today = isoDay(new Date());
  const end = last && isoDay(last) < today ? isoDay(last) : today;
  return addDays(end, 1);
}

/** @returns {{from: string, to: string}} the days that have data */
export function allDays() {
  const { first } = app.district.incidents;
  const to = endDay();
  return { from: first ? isoDay(first) : addDays(to, -365), to };
}

/** @returns {{from: string, to: string}} the days to show: the filter's, else all that have data */
export function shownDays() {
  const { from, to } = get().filters;
  const all = allDays();
  return { from: from || (to && to <= all.from ? addDays(to, -1) : all.from), to: to || all.to };
}

export function startTime() {
  draw();
  on(["filters"], draw);
  onLanguage(draw);
}

function draw() {
  const { from, to } = get().filters;
  const end = endDay();
  byId("time-summary").textContent = from || to ? "" : t("filters.all");
  const box = byId("time-filter");
  const focused = document.activeElement?.id;
  const preset = (/** @type {string} */ text, /** @type {string} */ start, /** @type {string} */ stop, /** @type {string} */ id) =>
    h("button", {
      type: "button", class: "preset", id, text,
      "aria-pressed": String(from === start && to === stop),
      on: { click: () => setFilters({ from: start, to: stop }) },
    });
  fill(box,
    h("div", { class: "presets", role: "group", "aria-label": t("time.title") },
      preset(t("time.all"), "", "", "time-all"),
      PRESETS.map((days) => preset(t(`time.last${days}`), addDays(end, -days), end, `time-${days}`))),
    h("div", { class: "days" },
      h("label", {}, h("span", { text: t("time.from") }), day("time-from", from)),
      h("label", {}, h("span", { text: t("time.to") }), day("time-to", to ? addDays(to, -1) : ""))),
    end < isoDay(new Date()) && h("p", { class: "note", text: t("time.ends", { day: showDay(addDays(end, -1)) }) }));
  if (focused) byId(focused)?.focus();
}

/** @param {string} id @param {string} value */
function day(id, value) {
  const { first } = app.district.incidents;
  return h("input", {
    type: "date", id, value, min: first ? isoDay(first) : null, max: addDays(endDay(), -1),
    on: { change: choose },
  });
}

function choose() {
  const from = byId("time-from").value;
  const last = byId("time-to").value;
  if (from && last && last < from) {
    say(t("time.reversed"), { key: "time", kind: "error", seconds: 6 });
    return;
  }
  setFilters({ from, to: last ? addDays(last, 1) : "" });
}
