/** The question: method, limits and a slider for each indicator's weight. */

import { byId, fill, h } from "../dom.js";
import { percent, pick, t } from "../i18n.js";
import { ask, METHODS, onPlan, plan, SCHEMES, weightOf } from "./plan.js";

const MOST_WEIGHT = 3;
/** @type {Map<string, HTMLElement>} the share shown beside each slider */
const shares = new Map();
let drawn = "";

export function startControls() {
  drawQuestion();
  onPlan(() => {
    const which = plan.table.indicators.map((one) => one.id).join();
    if (which !== drawn) drawSliders();
    drawn = which;
    showShares();
    if (document.activeElement?.id !== "from") byId("from").value = plan.asked.from || plan.table.since.slice(0, 10);
    if (document.activeElement?.id !== "to") byId("to").value = plan.asked.to || plan.table.until.slice(0, 10);
  });
}

/** @param {string} name @param {string[]} values @param {string} words */
const choice = (name, values, words) => h("label", {}, t(words), h("select", {
  class: "field", id: name,
  on: { change: (/** @type {any} */ event) => void ask({ [name]: event.target.value }) },
}, values.map((value) => h("option", {
  value, text: t(`planning.${name}.${value}`), selected: /** @type {any} */ (plan.asked)[name] === value,
}))));

/** @param {"from"|"to"} name */
const day = (name) => h("label", {}, t(`planning.${name}`), h("input", {
  class: "field", type: "date", id: name,
  on: { change: (/** @type {any} */ event) => void ask({ [name]: event.target.value }) },
}));

function drawQuestion() {
  const { asked } = plan;
  fill(byId("question"),
    choice("method", METHODS, "planning.methodLabel"), choice("scheme", SCHEMES, "planning.schemeLabel"),
    h("label", {}, t("planning.top"), h("input", {
      class: "field", type: "number", id: "top", min: "1", max: "20", value: String(asked.top),
      on: { change: (/** @type {any} */ event) => { const n = Number(event.target.value); if (n >= 1 && n <= 20) void ask({ top: n }); } },
    })),
    h("label", { title: t("planning.cautionHint") }, t("planning.caution"), h("select", {
      class: "field", id: "caution", on: { change: (/** @type {any} */ event) => void ask({ caution: Number(event.target.value) }) },
    }, [0, 1, 2].map((value) => h("option", { value: String(value), text: t(`planning.cautionOf.${value}`), selected: asked.caution === value })))),
    day("from"), day("to"),
    h("label", { class: "tick" }, h("input", {
      type: "checkbox", id: "one_per_street", checked: asked.one_per_street,
      on: { change: (/** @type {any} */ event) => void ask({ one_per_street: event.target.checked }) },
    }), t("planning.onePerStreet")));
}

function drawSliders() {
  shares.clear();
  const { groups, indicators } = plan.table;
  fill(byId("sliders"), Object.entries(groups).map(([group, title]) => h("fieldset", {},
    h("legend", { text: pick(title) }),
    indicators.filter((one) => one.group === group).map(slider))), limits());
}

/** @param {import("./plan.js").Indicator} one */
function slider(one) {
  const share = h("output", {});
  shares.set(one.id, share);
  const note = h("span", { class: "weight-note", data: { note: one.id } });
  return h("div", { class: "weight", title: pick(one.of) },
    h("label", { for: `weight-${one.id}` }, `${pick(one.title)} `, h("small", { text: one.rising ? "↑" : "↓" })),
    share,
    h("input", {
      type: "range", id: `weight-${one.id}`, min: "0", max: String(MOST_WEIGHT), step: "0.1", value: String(weightOf(one.id)),
      on: { input: (/** @type {any} */ event) => void ask({ weights: { ...plan.asked.weights, [one.id]: Number(event.target.value) } }) },
    }), note);
}

/** Hard limits: an indicator, a sign and a number each. */
function limits() {
  const { indicators } = plan.table;
  const add = () => {
    const [id, sign, value] = ["limit-of", "limit-sign", "limit-value"].map((name) => byId(name).value);
    if (value === "" || Number.isNaN(Number(value))) return;
    void ask({ require: [...plan.asked.require.filter((one) => !one.startsWith(`${id}${sign}`)), `${id}${sign}${Number(value)}`] }).then(drawSliders);
  };
  return h("fieldset", { class: "limits" }, h("legend", { text: t("planning.limits") }),
    plan.asked.require.map((one) => {
      const [id, sign, value] = one.split(/(>=|<=)/);
      const title = pick(indicators.find((known) => known.id === id)?.title) || id;
      return h("div", { class: "limit" }, h("span", { text: `${title} ${sign === ">=" ? "≥" : "≤"} ${value}` }), h("button", {
        type: "button", class: "quiet small", text: "✕", "aria-label": t("planning.removeLimit"),
        on: { click: () => void ask({ require: plan.asked.require.filter((other) => other !== one) }).then(drawSliders) },
      }));
    }),
    h("div", { class: "limit-new" },
      h("select", { class: "field", id: "limit-of", "aria-label": t("planning.limits") }, indicators.map((one) => h("option", { value: one.id, text: pick(one.title) }))),
      h("select", { class: "field", id: "limit-sign", "aria-label": t("planning.sign") }, h("option", { value: ">=", text: "≥" }), h("option", { value: "<=", text: "≤" })),
      h("input", { class: "field", id: "limit-value", type: "number", step: "any", "aria-label": t("planning.limitValue") }),
      h("button", { type: "button", class: "button", text: t("planning.add"), on: { click: add } })));
}

function showShares() {
  for (const one of plan.answer?.indicators ?? []) {
    const output = shares.get(one.id);
    if (!output) continue;
    output.textContent = one.used ? percent(one.share) : "—";
    const note = document.querySelector(`[data-note="${CSS.escape(one.id)}"]`);
    if (note) note.textContent = one.note && one.weight > 0 ? t(`planning.note.${one.note}`) : "";
  }
}
