/** The fields that actions take: each reads to the fields of the service it fills. */

import { h } from "../dom.js";
import { distance, t } from "../i18n.js";
import { chooser } from "./chooser.js";
import { desk } from "./desk.js";
import { className, squadName, unitName } from "./names.js";
import { photoField } from "./photos.js";
import { placeField } from "./place_field.js";
import { stateTag } from "./row.js";
import { LIMIT_UNITS } from "./workflow.js";

/**
 * @typedef {{kind: import("./workflow.js").FieldKind, element: HTMLElement,
 *   read: () => Record<string, any>|null, busy?: () => boolean, end?: () => void,
 *   begin?: () => void, focus?: () => void}} Field
 *   `read` answers null where nothing was given
 */

const PHRASES = 6;
/** @param {string} action */
const phraseKey = (action) => `dispatch.phrases.${action}`;

/** @param {string} action @returns {string[]} reasons given before, the latest first */
function phrases(action) {
  try {
    const found = JSON.parse(localStorage.getItem(phraseKey(action)) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string").slice(0, PHRASES) : [];
  } catch {
    return [];
  }
}

/** Keeps a reason for the next time. @param {string} action @param {string} reason */
export function remember(action, reason) {
  try {
    localStorage.setItem(phraseKey(action), JSON.stringify([reason, ...phrases(action).filter((one) => one !== reason)].slice(0, PHRASES)));
  } catch { /* a full storage loses no more than this */ }
}

/** @param {string} label @param {boolean} needed @param {any} content @param {string} [kind] */
const labelled = (label, needed, content, kind = "label") => h(kind, { class: "form-field" },
  h("span", { class: "form-label" }, label, needed && h("em", { text: t("dispatch.needed") })), content);

/** @param {string|undefined} value @param {string} name */
const given = (value, name) => (value?.trim() ? { [name]: value.trim() } : null);

/** @type {Record<string, (action: string, item: any, needed: boolean) => Omit<Field, "kind">>} */
const MAKERS = {
  reason: (action, _item, needed) => {
    const area = h("textarea", { class: "field", rows: 2, maxLength: 4000, name: "reason" });
    const before = phrases(action);
    return {
      element: labelled(t("dispatch.field.reason"), needed, [area, before.length > 0 && h("div", { class: "phrases", "aria-label": t("dispatch.phrases") },
        before.map((phrase) => h("button", { type: "button", class: "preset", text: phrase, on: { click: () => { area.value = phrase; area.focus(); } } })))], "div"),
      read: () => given(area.value, "reason"),
      focus: () => area.focus(),
    };
  },
  note: (_action, _item, needed) => {
    const area = h("textarea", { class: "field", rows: needed ? 3 : 1, maxLength: 4000, name: "note" });
    return { element: labelled(t("dispatch.field.note"), needed, area), read: () => given(area.value, "note"), focus: () => area.focus() };
  },
  photos: (_action, _item, needed) => {
    const field = photoField();
    return {
      element: labelled(t("dispatch.photos"), needed, field.element, "div"), busy: field.busy,
      read: () => { const photos = field.read(); return photos ? { photos } : null; },
    };
  },
  class: (_action, item, needed) => classMaker(item.class, needed),
  condition: (_action, item, needed) => {
    if (!item.conditions.length) return { element: h("p", { class: "note", text: t("dispatch.noConditions") }), read: () => null };
    const select = h("select", { class: "field", name: "condition" }, item.conditions.map((/** @type {any} */ one, /** @type {number} */ index) => h("option", {
      value: String(one.number), selected: item.condition ? item.condition.number === one.number : index === 0,
      text: `${one.name}（${t(`dispatch.limit.${one.limit.unit}`, { n: one.limit.amount })}）`,
    })));
    const closing = h("p", { class: "note" });
    const say = () => {
      const one = item.conditions.find((/** @type {any} */ condition) => String(condition.number) === select.value);
      closing.textContent = one?.closing ? t("dispatch.closing", { words: one.closing }) : "";
    };
    select.addEventListener("change", say);
    say();
    return { element: labelled(t("dispatch.condition"), needed, [select, closing]), read: () => ({ condition: Number(select.value) }), focus: () => select.focus() };
  },
  unit: (action, item, needed) => {
    const usual = item.responsible?.unit?.code ?? item.unit?.code ?? "";
    const called = action === "report_in" ? new Set(item.whistles.flatMap((/** @type {any} */ whistle) => whistle.units
      .filter((/** @type {any} */ one) => !one.reported_in_at).map((/** @type {any} */ one) => one.unit.code))) : null;
    const units = desk.units.filter((unit) => !called || called.has(unit.code));
    const select = h("select", { class: "field", name: "unit" },
      h("option", { value: "", text: t(action === "dispatch" ? "dispatch.field.unitAuto" : "dispatch.field.unitOwn") }),
      units.map((unit) => h("option", { value: unit.code, text: unitName(unit), selected: unit.code === usual })));
    return { element: labelled(t("dispatch.unit"), needed, select), read: () => given(select.value, "unit"), focus: () => select.focus() };
  },
  squad: (_action, item, needed) => {
    const usual = item.squad?.code ?? item.responsible?.squad?.code ?? "";
    const select = h("select", { class: "field", name: "squad" }, h("option", { value: "", text: "—" }),
      desk.squads.map((squad) => h("option", { value: squad.code, text: squadName(squad), selected: squad.code === usual })));
    return { element: labelled(t("dispatch.squad"), needed, select), read: () => given(select.value, "squad") };
  },
  units: (_action, item, needed) => {
    const boxes = desk.units.map((unit) => ({
      code: unit.code,
      box: h("input", { type: "checkbox", value: unit.code, name: "units", on: { change: () => leads() } }),
      name: unitName(unit),
    }));
    const lead = h("select", { class: "field", name: "lead" });
    const chosen = () => boxes.filter(({ box }) => box.checked);
    const leads = () => {
      const kept = lead.value;
      lead.replaceChildren(...chosen().map(({ code, name }) => h("option", { value: code, text: name, selected: code === (kept || item.unit?.code) })));
      lead.disabled = chosen().length < 2;
    };
    leads();
    return {
      element: h("div", {}, labelled(t("dispatch.field.units"), needed, h("div", { class: "unit-boxes" },
        boxes.map(({ box, name }) => h("label", { class: "check" }, box, h("span", { text: name })))), "div"),
      labelled(t("dispatch.lead"), false, lead)),
      read: () => (chosen().length ? { units: chosen().map(({ code }) => code), lead: lead.value } : null),
      focus: () => boxes[0]?.box.focus(),
    };
  },
  into: (_action, item, needed) => {
    const input = h("input", { class: "field", name: "into", placeholder: t("dispatch.field.intoHint"), maxLength: 64 });
    const near = item.near.filter((/** @type {any} */ one) => one.id !== item.id).slice(0, 6);
    return {
      element: labelled(t("dispatch.field.into"), needed, [input, h("ul", { class: "into" }, near.map((/** @type {any} */ one) => h("li", {},
        h("button", { type: "button", class: "near-row", on: { click: () => { input.value = one.code; input.focus(); } } },
          h("span", { class: "near-away", text: distance(one.away_m) }),
          h("span", { class: "near-name" }, h("b", { text: className(one.class) }), h("span", { class: "note", text: one.code })), stateTag(one.state)))))], "div"),
      read: () => given(input.value, "into"),
      focus: () => input.focus(),
    };
  },
  case_number: (_action, _item, needed) => {
    const input = h("input", { class: "field", name: "case_number", maxLength: 200 });
    return { element: labelled(t("dispatch.caseNumber"), needed, input), read: () => given(input.value, "case_number"), focus: () => input.focus() };
  },
  extension: (_action, _item, needed) => {
    const amount = h("input", { class: "field", type: "number", name: "amount", min: "0.5", max: "366", step: "0.5", value: "" });
    const unit = h("select", { class: "field", name: "limit_unit", "aria-label": t("dispatch.field.limitUnit") },
      LIMIT_UNITS.map((one) => h("option", { value: one, text: t(`dispatch.limitUnit.${one}`) })));
    return {
      element: labelled(t("dispatch.field.extension"), needed, h("span", { class: "pair" }, amount, unit)),
      read: () => (amount.value ? { amount: Number(amount.value), limit_unit: unit.value } : null),
      focus: () => amount.focus(),
    };
  },
  place: (_action, item, needed) => {
    const field = placeField({ what: item.code, address: item.address ?? "" });
    return {
      element: labelled(t("dispatch.part.place"), needed, field.element, "div"), end: field.end, begin: field.pick,
      read: () => field.read() ?? null,
    };
  },
};

/** @param {{code: string, name: string}|null} current @param {boolean} needed @param {(code: string) => void} [changed] */
export function classMaker(current, needed, changed = () => {}) {
  let code = current?.code ?? "";
  const field = chooser({
    keep: true, value: className(current), placeholder: t("dispatch.field.classHint"), label: t("fact.class"),
    find: async (text) => desk.classes
      .filter((item) => `${item.code} ${item.name} ${item.name_en} ${item.major_name}`.toLowerCase().includes(text.toLowerCase()))
      .map((item) => ({ code: item.code, name: className(item), note: `${item.code} ${item.major_name}` })),
    choose: (choice) => { code = choice.code; changed(code); },
  });
  const input = /** @type {HTMLInputElement} */ (field.querySelector("input"));
  // what was typed over is not what was chosen
  input.addEventListener("input", () => { code = ""; changed(""); });
  return { element: labelled(t("fact.class"), needed, field, "div"), read: () => given(code, "class"), focus: () => input.focus() };
}

/**
 * @param {import("./workflow.js").FieldKind} kind @param {string} action @param {any} item @param {boolean} needed
 * @returns {Field}
 */
export const makeField = (kind, action, item, needed) => ({ kind, ...MAKERS[kind](action, item, needed) });
