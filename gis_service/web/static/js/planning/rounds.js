/** Rounds: recorded, visited, decided with reasons, replayed, printed. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { date, dateTime, isoDay, language, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { lookAt } from "./ground.js";
import { plan, question } from "./plan.js";
import { printRound } from "./print.js";
import { standingMark } from "./table.js";
import { cautions, summary, tips } from "./words.js";

/** @type {any} the round that is open on the page */
let current = null;

/** Records what is asked just now. */
export function startRecording() {
  byId("record").hidden = !may("planning.manage");
  byId("record-form").addEventListener("submit", async (/** @type {any} */ event) => {
    event.preventDefault();
    const name = byId("record-name").value.trim();
    if (!name) return;
    byId("record-button").disabled = true;
    say(t("planning.recording"), { key: "record", seconds: 30 });
    try {
      const made = await send("POST", "/api/planning/rounds", { name, question: question(), from: plan.asked.from || null, to: plan.asked.to || null });
      byId("record-name").value = "";
      say(t("planning.recorded", { name }), { key: "record" });
      location.hash = `#round=${made.id}`;
    } catch (error) {
      say("", { key: "record", seconds: 0.01 });
      complain(t("planning.record"), error);
    }
    byId("record-button").disabled = false;
  });
}

/** @param {number|null} number the round to show, or the list */
export async function showRounds(number) {
  try {
    if (number) {
      current = await getJSON(`/api/planning/rounds/${number}`);
      drawRound();
      lookAt(current);
    } else drawList((await getJSON("/api/planning/rounds")).items);
  } catch (error) {
    complain(t("planning.tab.rounds"), error, () => void showRounds(number));
  }
}

/** @param {any[]} items */
function drawList(items) {
  fill(byId("rounds"), h("h2", { text: t("planning.tab.rounds") }),
    items.length === 0 && h("p", { class: "none", text: t("planning.noRounds") }),
    h("ul", { class: "round-list" }, items.map((one) => h("li", {}, h("a", { href: `#round=${one.id}` },
      h("b", { text: one.name }), h("span", { class: `state state-${one.state}`, text: t(`planning.state.${one.state}`) }),
      h("small", { text: `${dateTime(one.created_at)} · ${one.created_by}` }),
      one.choices.length > 0 && h("span", { text: t("planning.choseWhom", { names: one.choices.map((/** @type {any} */ choice) => choice.community.name).join(language() === "zh" ? "、" : ", ") }) }))))));
}

function drawRound() {
  const { answer, table } = current;
  const open = current.state === "open";
  fill(byId("rounds"),
    h("p", {}, h("a", { class: "link", href: "#rounds", text: `‹ ${t("planning.tab.rounds")}` })),
    h("header", { class: "round-head" }, h("h2", { text: current.name }), h("span", { class: `state state-${current.state}`, text: t(`planning.state.${current.state}`) }),
      h("span", { class: "grow" }),
      h("button", { type: "button", class: "button", id: "replay", text: t("planning.replay"), on: { click: () => void replay() } }),
      h("button", { type: "button", class: "button", id: "print-round", on: { click: () => void printRound(current) } }, icon("print"), t("planning.print")),
      h("a", { class: "button", id: "round-snapshot", href: `/api/planning/rounds/${current.id}/snapshot`, download: true }, icon("download"), t("planning.snapshot"))),
    h("p", { class: "note", text: t("planning.askedBy", { who: current.created_by, when: dateTime(current.created_at), from: showDay(answer.since.slice(0, 10)), to: showDay(answer.until.slice(0, 10)), library: current.library }) }),
    summary(answer, table).map((words) => h("p", { text: words })), tips(answer, table), cautions(current.cautions),
    !open && decision(),
    ranking(answer),
    section("nominations", current.nominations, (one) => [h("b", { text: one.community.name }), ` ${one.reason}`, h("small", { text: `${one.created_by} · ${date(one.created_at)}` })]),
    open && may("planning.nominate") && form("nominations", [candidates(), area("reason")]),
    section("visits", current.visits, (one) => [h("b", { text: one.community.name }), h("span", { class: `verdict verdict-${one.verdict}`, text: t(`planning.verdict.${one.verdict}`) }), ` ${one.findings}`, h("small", { text: `${showDay(one.visited_on)} · ${one.visitors}` })]),
    open && may("planning.manage") && form("visits", [candidates(), line("visited_on", "date", isoDay(new Date())), line("visitors"), choose("verdict", ["suitable", "conditional", "unsuitable"]), area("findings")]),
    open && may("planning.manage") && decide());
}

/** The first, and whoever was chosen, nominated or visited, however far down; marked is who was chosen. @param {any} answer */
function ranking(answer) {
  const codes = (/** @type {any[]} */ some) => some.map((one) => one.community.code);
  const chosen = codes(current.choices.length ? current.choices : answer.items.filter((/** @type {any} */ item) => item.chosen));
  const named = new Set([...chosen, ...codes(current.nominations), ...codes(current.visits)]);
  return h("ol", { class: "round-ranking" }, answer.items.filter((/** @type {any} */ item, /** @type {number} */ n) => n < 12 || named.has(item.community.code)).map((/** @type {any} */ item) => h("li", {
    class: chosen.includes(item.community.code) ? "chosen" : "", value: item.rank,
  }, h("span", { class: "name", text: item.community.name }), h("small", { text: item.street.name }), standingMark(item))));
}

export function decision() {
  return h("section", { class: "decision" }, h("h3", { text: t("planning.decided") }),
    h("ul", {}, current.choices.map((/** @type {any} */ one) => h("li", {}, h("b", { text: one.community.name }), ` ${one.rank ? t("planning.place", { n: one.rank }) : t("planning.notRanked")}`, h("p", { text: one.reason })))),
    current.override_reason && h("p", {}, h("b", { text: t("planning.field.override_reason") }), ` ${current.override_reason}`),
    h("p", { class: "note", text: t("planning.approvedAs", { approval: current.approval, who: current.decided_by, when: dateTime(current.decided_at) }) }));
}

/** @param {string} name @param {any[]} items @param {(one: any) => any[]} told */
const section = (name, items, told) => h("section", { class: name }, h("h3", { text: t(`planning.${name}`) }),
  items.length === 0 ? h("p", { class: "none", text: t("planning.noneYet") }) : h("ul", {}, items.map((one) => h("li", {}, told(one)))));

const candidates = () => choose("community", current.table.items.map((/** @type {any} */ row) => row.community.code),
  Object.fromEntries(current.table.items.map((/** @type {any} */ row) => [row.community.code, `${row.community.name} · ${row.street.name}`])));
/** @param {string} name @param {string[]} values @param {Record<string, string>} [words] */
const choose = (name, values, words) => h("label", {}, t(`planning.field.${name}`), h("select", { class: "field", name }, values.map((value) => h("option", { value, text: words?.[value] ?? t(`planning.verdict.${value}`) }))));
/** @param {string} name @param {string} [type] @param {string} [value] */
const line = (name, type = "text", value = "") => h("label", {}, t(`planning.field.${name}`), h("input", { class: "field", name, type, value, required: true }));
/** @param {string} name @param {boolean} [required] */
const area = (name, required = true) => h("label", { class: "wide" }, t(`planning.field.${name}`), h("textarea", { class: "field", name, rows: 2, required }));

/** @param {"nominations"|"visits"} name @param {any[]} fields */
const form = (name, fields) => h("details", { class: "form" }, h("summary", { text: t(`planning.addTo.${name}`) }),
  h("form", { id: `form-${name}`, on: { submit: (/** @type {any} */ event) => { event.preventDefault(); void post(name, Object.fromEntries(new FormData(event.target))); } } },
    fields, h("button", { class: "button primary", text: t("planning.save") })));

/** @param {string} path @param {any} body */
async function post(path, body) {
  try {
    await send("POST", `/api/planning/rounds/${current.id}/${path}`, body);
    await showRounds(current.id);
  } catch (error) {
    complain(t("planning.save"), error);
  }
}

/** Ticks beside the candidates, a reason for each, and one more where the ranking is left. */
function decide() {
  const first = new Set(current.answer.items.filter((/** @type {any} */ item) => item.chosen).map((/** @type {any} */ item) => item.community.code));
  const chosen = new Set(first);
  const box = h("div", { class: "wide" });
  const draw = () => {
    const kept = Object.fromEntries([...box.querySelectorAll("textarea")].map((one) => [one.name, one.value]));
    fill(box, [...chosen].map((code) => h("label", { class: "wide" },
      t("planning.reasonFor", { name: current.table.items.find((/** @type {any} */ row) => row.community.code === code).community.name }),
      h("textarea", { class: "field", name: `reason-${code}`, rows: 2, required: true, value: kept[`reason-${code}`] ?? "" }))),
    (chosen.size !== first.size || [...chosen].some((code) => !first.has(code))) && h("label", { class: "wide override" }, t("planning.field.override_reason"),
      h("textarea", { class: "field", name: "override", rows: 2, required: true, value: kept.override ?? "" })));
    for (const one of box.querySelectorAll("textarea")) one.value = kept[one.name] ?? "";
  };
  const ticks = current.table.items.map((/** @type {any} */ row) => {
    const { code, name } = row.community;
    return h("label", { class: "tick" }, h("input", { type: "checkbox", value: code, checked: chosen.has(code), on: { change: (/** @type {any} */ event) => { if (event.target.checked) chosen.add(code); else chosen.delete(code); draw(); } } }), name);
  });
  draw();
  return h("details", { class: "form", id: "decide" }, h("summary", { text: t("planning.decide") }),
    h("p", { class: "note", text: t("planning.decideHint") }),
    h("form", { id: "form-decision", on: { submit: (/** @type {any} */ event) => {
      event.preventDefault();
      const value = (/** @type {string} */ name) => event.target.elements[name]?.value ?? "";
      void post("decision", {
        choices: [...chosen].map((code) => ({ community: code, reason: value(`reason-${code}`) })),
        override_reason: value("override"), approval: value("approval"),
      });
    } } }, h("div", { class: "ticks wide" }, ticks), box, line("approval"), h("button", { class: "button primary", text: t("planning.decide") })));
}

async function replay() {
  try {
    const found = await getJSON(`/api/planning/rounds/${current.id}/replay`);
    say(t(found.same ? "planning.replaySame" : "planning.replayOther", { digest: found.digest.slice(0, 12) }), { key: "replay", seconds: 12, kind: found.same ? "info" : "error" });
  } catch (error) {
    complain(t("planning.replay"), error);
  }
}
