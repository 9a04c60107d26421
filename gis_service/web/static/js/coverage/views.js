/** The views of one period beside the map: one is open, and says what the map draws. */

import { may } from "../account.js";
import { byId, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { closeGrid } from "./card.js";
import { paint } from "./ground.js";
import { onPlan, plan } from "./plan.js";

/**
 * @typedef {{id: string, permission?: string, open: () => void, close?: () => void}} View `open` draws
 *   it anew for what is asked
 */

/** @type {View[]} those the account may open */
let views = [];
let current = "gaps";

export const viewNow = () => current;

/** @param {View[]} all */
export function startViews(all) {
  views = all.filter((view) => !view.permission || may(view.permission));
  const strip = byId("views");
  fill(strip, views.map(({ id }) => h("button", {
    type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `view-${id}`, text: t(`coverage.view.${id}`), on: { click: () => show(id) },
  })));
  strip.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = views.findIndex(({ id }) => id === current);
    const { id } = views[(at + step + views.length) % views.length];
    show(id);
    byId(`tab-${id}`).focus();
  });
  mark();
  // another period: the open view asks again
  let asked = JSON.stringify(plan.asked);
  onPlan(() => {
    const now = JSON.stringify(plan.asked);
    if (now === asked) return;
    asked = now;
    find()?.open();
  });
  const wanted = new URLSearchParams(location.hash.slice(1)).get("view");
  if (wanted && views.some(({ id }) => id === wanted)) show(wanted);
}

const find = () => views.find(({ id }) => id === current);

/** @param {string} id */
export function show(id) {
  if (id === current) return;
  find()?.close?.();
  current = id;
  closeGrid();
  paint(null);
  mark();
  const link = new URLSearchParams(location.hash.slice(1));
  if (id === "gaps") link.delete("view");
  else link.set("view", id);
  history.replaceState(null, "", `${location.pathname}${location.search}#${link}`);
  find()?.open();
}

function mark() {
  for (const { id } of views) {
    const own = id === current;
    byId(`view-${id}`).hidden = !own;
    byId(`tab-${id}`).setAttribute("aria-selected", String(own));
    byId(`tab-${id}`).tabIndex = own ? 0 : -1;
  }
}
