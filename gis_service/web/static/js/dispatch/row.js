/** One incident as a row of the inbox, and the small marks that all of the page shares. */

import { h } from "../dom.js";
import { dateTime, known, t } from "../i18n.js";
import { countTo, now, sayAgo } from "./clock.js";
import { desk } from "./desk.js";
import { className, unitName } from "./names.js";
import { isOpen, isOverdue } from "./query.js";

/** @typedef {import("./query.js").Incident} Incident */

/** @param {string} kind @param {string} value @returns {string} a word of the page for a code */
export const word = (kind, value) => (known(`${kind}.${value}`) ? t(`${kind}.${value}`) : value);

/** @param {string} state */
export const stateTag = (state) =>
  h("span", { class: `tag state-${state} ${isOpen(/** @type {any} */ ({ state })) ? "open" : "ended"}`, text: t(`state.${state}`) });

/** What must not be overlooked: urgent, supervised, an order, reported more than once. @param {Incident} item */
export const flags = (item) => [
  item.urgent && h("abbr", { class: "flag urgent", text: t("dispatch.flag.urgent"), title: t("dispatch.only.urgent") }),
  item.supervised && h("abbr", { class: "flag supervised", text: t("dispatch.flag.supervised"), title: t("dispatch.only.supervised") }),
  item.is_order && h("abbr", { class: "flag order", text: t("dispatch.flag.order"), title: t("dispatch.only.order") }),
  item.quick && h("abbr", { class: "flag", text: t("dispatch.flag.quick"), title: t("dispatch.quick") }),
  item.report_count > 1 && h("abbr", { class: "flag", text: `×${item.report_count}`, title: t("dispatch.reports.count", { n: item.report_count }) }),
  item.rework_count > 0 && h("abbr", { class: "flag", text: t("dispatch.flag.rework", { n: item.rework_count }), title: t("dispatch.rework.count", { n: item.rework_count }) }),
];

/** The deadline that still runs, or what became of it. @param {Incident} item @returns {HTMLElement|null} */
export function deadline(item) {
  if (!isOpen(item)) {
    return item.closed_at ? h("time", { class: "due ended", datetime: item.closed_at, text: dateTime(item.closed_at) }) : null;
  }
  if (!item.due_at) return null;
  const due = countTo(h("time", { class: "due", datetime: item.due_at }), item.due_at);
  if (!item.due_provisional) return due;
  return h("span", { class: "due-both" }, h("abbr", { class: "flag provisional", text: t("dispatch.flag.provisional"), title: t("dispatch.provisional") }), due);
}

/** @param {Incident} item @returns {string} street › community › address */
export function whereabouts(item) {
  const path = [item.street, item.community].map((area) => area?.name || area?.code).filter(Boolean).join(" › ");
  return [path || t("dispatch.noPlace"), item.address].filter(Boolean).join(" · ");
}

/**
 * @param {Incident} item
 * @param {{toggle: (item: Incident, event: MouseEvent) => void}} on
 * @returns {HTMLElement}
 */
export function rowElement(item, { toggle }) {
  const late = isOverdue(item, now());
  const place = whereabouts(item);
  return h("li", {
    id: `row-${item.id}`, role: "option", data: { id: String(item.id) },
    class: ["row", isOpen(item) ? "is-open" : "is-ended", item.urgent && isOpen(item) && "is-urgent", late && "is-late",
      desk.fresh.has(item.id) && "is-fresh", desk.arriving.has(item.id) && "arrives"].filter(Boolean).join(" "),
    "aria-label": [className(item.class), place, t(`state.${item.state}`), item.urgent && t("dispatch.only.urgent"), late && t("dispatch.overdue")].filter(Boolean).join("，"),
  },
  h("input", {
    type: "checkbox", tabIndex: -1, checked: desk.checked.has(item.id), "aria-label": t("dispatch.choose", { code: item.code }),
    on: { click: (/** @type {MouseEvent} */ event) => { event.stopPropagation(); toggle(item, event); } },
  }),
  h("span", { class: "shape", "aria-hidden": "true" }),
  h("div", { class: "row-text" },
    h("div", { class: "row-line" }, flags(item), h("b", { class: "row-class", text: className(item.class), title: className(item.class) }), deadline(item)),
    h("div", { class: "row-line place", title: place, text: place }),
    h("div", { class: "row-line meta" },
      h("span", { class: "row-code", text: item.code }),
      sayAgo(h("time", { datetime: item.reported_at }), item.reported_at),
      h("span", { class: "row-unit", text: item.unit ? unitName(item.unit) : word("source", item.source) }),
      stateTag(item.state))));
}
