/** One unit for all checked incidents: sent a few at a time, each refusal with its reason. */

import { byId, fill, h } from "../dom.js";
import { number, t } from "../i18n.js";
import { act } from "./acting.js";
import { desk, may, on, open, rowOf, tell } from "./desk.js";
import { unitName } from "./names.js";

const TOGETHER = 3; // requests on their way at a time
let running = false;

export function startBulk() {
  on("checked", draw);
  draw();
}

function draw() {
  const box = byId("bulk");
  if (running) return;
  const some = desk.checked.size > 0;
  box.hidden = !some;
  if (!some) return;
  const unit = h("select", { class: "field", "aria-label": t("dispatch.unit") },
    h("option", { value: "", text: t("dispatch.field.unitAuto") }), desk.units.map((one) => h("option", { value: one.code, text: unitName(one) })));
  const before = /** @type {any} */ (box.querySelector("select"))?.value;
  if (before) unit.value = before;
  fill(box,
    h("b", { text: t("dispatch.bulk.chosen", { n: desk.checked.size }) }),
    may("incident.dispatch") && unit,
    may("incident.dispatch") && h("button", { type: "button", class: "button primary", id: "bulk-go", text: t("action.dispatch"), on: { click: () => void dispatch(unit.value) } }),
    h("button", { type: "button", class: "button", text: t("dispatch.bulk.all"), on: { click: () => { for (const row of desk.rows) desk.checked.add(row.id); tell("checked"); } } }),
    h("button", { type: "button", class: "button", text: t("dispatch.bulk.none"), on: { click: () => { desk.checked.clear(); tell("checked"); } } }));
}

/** @param {string} unit code; empty: the unit of each class */
async function dispatch(unit) {
  if (running) return;
  running = true;
  const items = [...desk.checked].map(rowOf).filter((row) => row !== undefined);
  const box = byId("bulk");
  const bar = h("progress", { max: items.length, value: 0, "aria-label": t("dispatch.bulk.progress") });
  const count = h("span", { class: "note" });
  fill(box, h("b", { text: t("dispatch.bulk.running") }), bar, count);
  /** @type {{item: any, why: string}[]} */
  const refused = [];
  let done = 0;
  const waiting = [...items];
  const work = async () => {
    for (let item = waiting.shift(); item; item = waiting.shift()) {
      try {
        await act(item, "dispatch", unit ? { unit } : {});
      } catch (error) {
        refused.push({ item, why: /** @type {Error} */ (error).message });
      }
      done += 1;
      bar.value = done;
      count.textContent = `${number(done)} / ${number(items.length)}`;
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, work));
  running = false;
  desk.checked = new Set(refused.map(({ item }) => item.id).filter((id) => rowOf(id)));
  tell("checked");
  outcome(items.length, refused);
}

/** @param {number} all @param {{item: any, why: string}[]} refused */
function outcome(all, refused) {
  const dialog = byId("outcome");
  fill(dialog, h("h2", { text: t("dispatch.bulk.outcome", { n: all - refused.length, of: all }) }),
    refused.length > 0 && h("p", { text: t("dispatch.bulk.refused", { n: refused.length }) }),
    refused.length > 0 && h("ul", { class: "refusals" }, refused.map(({ item, why }) => h("li", {},
      h("button", { type: "button", class: "link", text: item.code, on: { click: () => { dialog.close(); open(item.id); } } }), h("span", { text: why })))),
    h("div", { class: "form-foot" }, h("button", { type: "button", class: "button primary", autofocus: true, text: t("dispatch.close"), on: { click: () => dialog.close() } })));
  dialog.showModal();
}

/** @returns {boolean} whether rows were checked */
export function uncheck() {
  if (running || !desk.checked.size) return false;
  desk.checked.clear();
  tell("checked");
  return true;
}
