/** What changed in the chosen communities, beside comparable ones; and experience to take over. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h, icon } from "../dom.js";
import { addDays, date, dateTime, daysBetween, isoDay, listed, number, pick, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { plan } from "./plan.js";

const LEAST_DAYS = 14;
const asked = { /** @type {string[]} */ communities: [], at: "", days: 90, /** @type {number|null} whose weights are told */ round: null };

export async function showReview() {
  const given = new URLSearchParams(location.search);
  // a figure of a review document asks for its own days
  if (!asked.at && given.get("at")) Object.assign(asked, { communities: given.getAll("community"), at: given.get("at"), days: Number(given.get("days")) || asked.days });
  if (!asked.at) {
    const { items } = await getJSON("/api/planning/rounds").catch(() => ({ items: [] }));
    const decided = items.find((/** @type {any} */ one) => one.state === "decided");
    asked.communities = decided?.choices.map((/** @type {any} */ one) => one.community.code) ?? [];
    asked.round = decided?.id ?? null;
    asked.at = decided ? isoDay(decided.decided_at) : addDays(isoDay(new Date()), -asked.days);
  }
  form();
  // right after a decision there is nothing to look back on
  if (asked.communities.length && daysBetween(asked.at, isoDay(new Date())) >= LEAST_DAYS) await load();
}

function form() {
  fill(byId("review"), h("h2", { text: t("planning.tab.review") }), h("p", { class: "note", text: t("planning.reviewHint") }),
    h("form", { class: "review-form", on: { submit: (/** @type {any} */ event) => {
      event.preventDefault();
      asked.communities = [...byId("review-who").querySelectorAll("input:checked")].map((/** @type {any} */ one) => one.value);
      asked.at = byId("review-at").value;
      asked.days = Number(byId("review-days").value);
      void load();
    } } },
    h("div", { class: "ticks", id: "review-who" }, plan.table.items.map((row) => h("label", { class: "tick" }, h("input", { type: "checkbox", value: row.community.code, checked: asked.communities.includes(row.community.code) }), row.community.name))),
    h("label", {}, t("planning.since"), h("input", { class: "field", type: "date", id: "review-at", value: asked.at, required: true })),
    h("label", {}, t("planning.days"), h("input", { class: "field", type: "number", id: "review-days", min: "14", max: "365", value: String(asked.days) })),
    h("button", { class: "button primary", text: t("planning.compute") })),
    h("div", { id: "review-answer" }), h("div", { id: "experience" }));
  void notes();
}

async function load() {
  try {
    draw(await getJSON("/api/planning/review", { community: asked.communities, at: asked.at, days: asked.days, round: asked.round }));
  } catch (error) {
    complain(t("planning.tab.review"), error);
  }
}

/** @param {any} found */
function draw(found) {
  fill(byId("review-answer"), told(found), may("planning.manage") && proposed(found), h("button", { type: "button", class: "button", id: "print-review", on: { click: () => void print(found) } }, icon("print"), t("planning.print")));
}

/** The year-end review on paper: what changed, beside whom, and what others can take over. @param {any} found */
async function print(found) {
  const chosen = found.communities.map((/** @type {any} */ one) => one.code);
  const { items } = await getJSON("/api/planning/experience").catch(() => ({ items: [] }));
  const own = items.filter((/** @type {any} */ one) => chosen.includes(one.community.code));
  fill(byId("print-sheet"), h("article", { class: "round-sheet" },
    h("header", {}, h("h1", { text: t("planning.reviewTitle", { names: listed(found.communities.map((/** @type {any} */ one) => one.name)) }) }),
      h("span", { text: pick(app.district.title) }), app.district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
    h("section", {}, told(found)),
    h("section", {}, h("h2", { text: t("planning.experience") }), own.length === 0 && h("p", { text: t("planning.noneYet") }),
      own.map((/** @type {any} */ one) => h("p", { class: "told" }, h("b", { text: `${one.community.name} · ${one.title}` }), `\n${one.body}`, h("small", { text: `\n${origin(one)}` })))),
    h("section", {}, h("h2", { text: t("planning.howRead") }), h("p", { text: t("planning.reviewNote") })),
    h("footer", { text: [t("print.at", { when: dateTime(new Date()) }), app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number })].filter(Boolean).join(" · ") })));
  window.print();
}

/** @param {any} found */
function told(found) {
  return h("div", {},
    h("p", { class: "note", text: t("planning.windows", { before: showDay(found.before[0].slice(0, 10)), at: showDay(found.at.slice(0, 10)), after: showDay(found.after[1].slice(0, 10)) }) }),
    found.warnings.map((/** @type {any} */ one) => h("p", { class: "warning", text: pick(one) })),
    h("table", { class: "review-table" }, h("thead", {}, h("tr", {}, ["indicator", "treated", "others", "change", "chance", "says"].map((name) => h("th", { scope: "col", text: t(`planning.review.${name}`) })))),
      h("tbody", {}, found.indicators.map((/** @type {any} */ one) => h("tr", { class: `verdict-${one.verdict}` },
        h("th", { scope: "row" }, pick(one.title), !one.weighed && h("small", { text: t("planning.review.unweighed") })),
        h("td", { text: pair(one.treated, one) }), h("td", { text: pair(one.others, one) }),
        h("td", { text: one.estimate === null ? "—" : `${one.estimate > 0 ? "+" : ""}${number(one.estimate, 1)} (${one.low === null ? t("planning.noInterval") : `${number(one.low, 1)} … ${number(one.high, 1)}`})` }),
        h("td", { text: one.p === null ? "—" : number(one.p, 3) }), h("td", { text: pick(one.words) }))))),
    h("p", { class: "note", text: t("planning.comparedWith", { names: listed(found.controls.map((/** @type {any} */ one) => one.name)), n: found.permutations }) }));
}

/** What the review proposes to note of each community: put into one's own words, and kept. @param {any} found */
const proposed = (found) => h("section", { class: "proposals" }, h("h3", { text: t("planning.proposals") }), h("p", { class: "note", text: t("planning.proposalsHint") }),
  found.proposals.map((/** @type {any} */ one) => noteForm(one.community.name, pick(one.title), pick(one.body), async (fields) => {
    await send("POST", "/api/planning/experience", {
      ...fields, community: one.community.code,
      proposed: { at: found.at.slice(0, 10), until: found.after[1].slice(0, 10), body: pick(one.body) },
    });
    say(t("planning.noteKept", { name: one.community.name }));
  })));

/** A note to be put into words. @param {string} summary @param {string} title @param {string} body @param {(fields: any) => Promise<void>} keep */
const noteForm = (summary, title, body, keep) => h("details", { class: "form note-form" }, h("summary", { text: summary }),
  h("form", { on: { submit: async (/** @type {any} */ event) => {
    event.preventDefault();
    try {
      await keep(Object.fromEntries(new FormData(event.target)));
      await notes();
    } catch (error) {
      complain(t("planning.experience"), error);
    }
  } } },
  h("label", { class: "wide" }, t("planning.field.title"), h("input", { class: "field", name: "title", required: true, maxLength: 200, value: title })),
  h("label", { class: "wide" }, t("planning.field.body"), h("textarea", { class: "field", name: "body", rows: 10, required: true }, body)),
  h("button", { class: "button primary", text: t("planning.save") })));

/** Who wrote a note, from what, and who changed it. @param {any} one */
const origin = (one) => [
  `${one.created_by} · ${date(one.created_at)}`,
  one.proposed && t("planning.noteFrom", { at: showDay(one.proposed.at), until: showDay(one.proposed.until) }),
  one.changed_at && t("planning.noteChanged", { who: one.changed_by, when: dateTime(one.changed_at) }),
].filter(Boolean).join(" · ");

/** @param {any} ends @param {any} one */
const pair = (ends, one) => [ends.before, ends.after].map((value, at) => (value === null ? t("planning.missing")
  // the unit once, where the last number stands
  : number(value, 1) + (at === 1 || ends.after === null ? ` ${pick(one.unit)}` : ""))).join(" → ");

async function notes() {
  const { items } = await getJSON("/api/planning/experience").catch(() => ({ items: [] }));
  fill(byId("experience"), h("h3", { text: t("planning.experience") }),
    items.length === 0 && h("p", { class: "none", text: t("planning.noneYet") }),
    items.map((/** @type {any} */ one) => h("article", {}, h("h4", { text: `${one.community.name} · ${one.title}` }), h("p", { text: one.body }), h("small", { text: origin(one) }),
      may("planning.manage") && noteForm(t("planning.changeNote"), one.title, one.body, (fields) => send("PUT", `/api/planning/experience/${one.id}`, fields)))),
    may("planning.manage") && h("details", { class: "form" }, h("summary", { text: t("planning.addNote") }),
      h("form", { id: "form-experience", on: { submit: async (/** @type {any} */ event) => {
        event.preventDefault();
        try {
          await send("POST", "/api/planning/experience", Object.fromEntries(new FormData(event.target)));
          await notes();
        } catch (error) {
          complain(t("planning.experience"), error);
        }
      } } },
      h("label", {}, t("planning.field.community"), h("select", { class: "field", name: "community" }, plan.table.items.map((row) => h("option", { value: row.community.code, text: row.community.name })))),
      h("label", {}, t("planning.field.title"), h("input", { class: "field", name: "title", required: true })),
      h("label", { class: "wide" }, t("planning.field.body"), h("textarea", { class: "field", name: "body", rows: 4, required: true })),
      h("button", { class: "button primary", text: t("planning.save") }))));
}
