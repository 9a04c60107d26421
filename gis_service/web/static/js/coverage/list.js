/** The list beside the map: counts by state, the gaps by risk, officers without a contract. */

import { byId, fill, h } from "../dom.js";
import { number, t } from "../i18n.js";
import { counts, exportAddress, onPlan, plan, showOnly, snapshotAddress, worst } from "./plan.js";
import { badge, GAPS, STATES } from "./states.js";
import { flags, promise, riskWords, standing } from "./words.js";

const PAGE = 60;
let shown = PAGE;
/** @type {(code: string) => void} */
let choose = () => {};

/** @param {(code: string) => void} open what a click on a row does */
export function startList(open) {
  choose = open;
  let question = "";
  onPlan(() => {
    const now = JSON.stringify([plan.asked, plan.only]);
    if (now !== question) shown = PAGE;
    question = now;
    draw();
  });
}

function draw() {
  const found = counts();
  const grids = worst().size;
  fill(byId("states"), STATES.map((state) => h("li", {},
    h("button", {
      type: "button", class: "state-button", "aria-pressed": String(plan.only === state), title: t(`coverage.means.${state}`),
      data: { state, focus: `state-${state}` }, on: { click: () => showOnly(state) },
    }, badge(state), h("span", { text: t(`coverage.state.${state}`) }), h("b", { text: number(found[state]) })))));
  const gaps = GAPS.reduce((sum, state) => sum + found[state], 0);
  byId("summary").textContent = !plan.loaded ? t("coverage.loading")
    : grids === 0 ? t("coverage.nothing") : t("coverage.summary", { gaps: number(gaps), grids: number(grids), days: number(plan.days) });
  byId("export").setAttribute("href", exportAddress());
  byId("snapshot")?.setAttribute("href", snapshotAddress());
  rows();
  idle();
}

/** Rows of the state that is shown, or every gap. @returns {(import("./plan.js").Item|import("./plan.js").Gap)[]} */
function wanted() {
  if (!plan.only) return plan.gaps;
  if (GAPS.includes(plan.only)) return plan.gaps.filter((gap) => gap.state === plan.only);
  return plan.items.filter((item) => item.state === plan.only);
}

function rows() {
  const all = wanted();
  const more = all.length - shown;
  fill(byId("gaps"),
    all.slice(0, shown).map(row),
    more > 0 && h("li", {}, h("button", {
      type: "button", class: "button wide", text: t("coverage.more", { n: number(more) }),
      on: { click: () => { shown += 4 * PAGE; rows(); } },
    })),
    plan.loaded && !all.length && h("li", { class: "none", text: t("coverage.noGaps") }));
}

/** @param {any} item */
function row(item) {
  const marks = flags(item);
  return h("li", {}, h("button", {
    type: "button", class: item.grid.code === plan.grid ? "gap chosen" : "gap",
    data: { grid: item.grid.code, state: item.state, focus: `${item.grid.code} ${item.contract ?? ""}` }, on: { click: () => choose(item.grid.code) },
  },
  badge(item.state),
  h("span", { class: "gap-main" },
    h("b", { text: item.grid.name || item.grid.code }),
    h("span", { text: `${t(`coverage.state.${item.state}`)} · ${standing(item)}` }),
    h("span", { class: "note", text: [item.officer_name && `${item.officer_name} · ${promise(item)}`, "risk" in item && riskWords(item)].filter(Boolean).join(" · ") }),
    marks.length > 0 && h("span", { class: "flags" }, marks.map((text) => h("span", { class: "flag", text })))),
  "risk" in item && h("span", { class: "risk", title: t("coverage.risk"), text: number(item.risk) })));
}

function idle() {
  byId("idle").hidden = !plan.idle.length;
  byId("idle-title").textContent = t("coverage.idle", { n: number(plan.idle.length) });
  fill(byId("idle-list"), plan.idle.map((one) => h("li", { text: `${one.name} ${one.code}` })));
}
