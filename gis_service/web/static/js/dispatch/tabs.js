/** The strip of tabs with how many incidents wait in each. */

import { byId, fill, h } from "../dom.js";
import { number, t } from "../i18n.js";
import { ask, desk, on } from "./desk.js";
import { TABS } from "./query.js";

export function startTabs() {
  const strip = byId("tabs");
  fill(strip, TABS.map(({ id }, index) => h("button", {
    type: "button", role: "tab", id: `tab-${id}`, class: `tab tab-${id}`, "aria-controls": "rows", title: t("dispatch.tabKey", { key: index + 1 }),
    on: { click: () => ask({ tab: id }) },
  }, h("span", { class: "tab-name", text: t(`dispatch.tab.${id}`) }), h("output", { class: "tab-count" }))));
  strip.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = TABS.findIndex(({ id }) => id === desk.tab);
    const { id } = TABS[(at + step + TABS.length) % TABS.length];
    ask({ tab: id });
    byId(`tab-${id}`).focus();
  });
  on("asked", mark);
  on("counts", counts);
  mark();
}

function mark() {
  for (const { id } of TABS) {
    const tab = byId(`tab-${id}`);
    tab.setAttribute("aria-selected", String(id === desk.tab));
    tab.tabIndex = id === desk.tab ? 0 : -1;
  }
}

function counts() {
  for (const { id } of TABS) {
    const count = desk.counts[id];
    const output = byId(`tab-${id}`).querySelector("output");
    output.textContent = count === undefined ? "–" : number(count);
    output.title = count === undefined ? t("dispatch.notCounted") : "";
    byId(`tab-${id}`).classList.toggle("has-some", Boolean(count));
  }
}
