/** What people said: answered, adopted, followed up, or made an incident. */

import { may } from "../account.js";
import { address, getJSON, send } from "../api.js";
import { fill, h } from "../dom.js";
import { dateTime, language, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { openForm } from "./forms.js";
import { nameOf } from "./words.js";

/** @param {HTMLElement} box @param {{code: string}} place */
export async function drawOpinions(box, place) {
  const reload = () => drawOpinions(box, place);
  const { items, next } = await getJSON("/api/opinions", { community: place.code, limit: 80 });
  const answered = items.filter((/** @type {any} */ one) => one.state !== "open").length;
  const adopted = items.filter((/** @type {any} */ one) => one.adopted).length;
  fill(box, h("section", { class: "panel-box" },
    h("div", { class: "table-head" }, h("h2", { text: t("com.tab.opinions") }), h("span", { class: "note", text: t(next ? "com.opinionsLatest" : "com.opinionsOf", { n: answered, of: items.length, adopted }) }),
      may("opinion.manage") && h("button", { type: "button", class: "button primary", id: "add-opinion", text: t("com.addOpinion"), on: { click: () => addOpinion({ community: place.code }, reload) } }),
      h("a", { class: "button", href: address("/api/opinions", { community: place.code, format: "xlsx", lang: document.documentElement.dataset.lang }), download: "", text: "Excel" })),
    items.length ? h("ul", { class: "rows" }, items.map((/** @type {any} */ one) => opinionRow(one, reload))) : h("p", { class: "note", text: t("com.none") })));
}

/** @param {any} one @param {() => Promise<void>} reload @param {boolean} [placed] names the community */
export function opinionRow(one, reload, placed = false) {
  return h("li", { data: { opinion: String(one.id) } },
    h("span", {}, one.words, " ", h("span", { class: `tag ${one.state}`, text: t(`com.opinion.${one.state}`) }), one.adopted !== null && [" ", h("span", { class: "tag", text: t(one.adopted ? "com.adopted" : "com.notAdopted") })]),
    h("span", { class: "acts" },
      may("opinion.manage") && h("button", { type: "button", class: "button", text: t("com.answer"), on: { click: () => answer(one, reload) } }),
      one.incident ? h("a", { class: "button", href: `/dispatch#incident=${one.incident.id}`, text: one.incident.code })
        : may("opinion.manage") && may("incident.report") && [
          // what one click does stands on the button; any other class is a form away
          one.proposed_class && h("button", { type: "button", class: "button", data: { make: String(one.id) }, title: t(one.has_place ? "com.placeOfActivity" : "com.placeOfCommunity"), text: t("com.makeIncidentOf", { name: nameOf(one.proposed_class) }), on: { click: (/** @type {any} */ event) => { event.currentTarget.disabled = true; void make(one, one.proposed_class.code, reload); } } }),
          h("button", { type: "button", class: one.proposed_class ? "link" : "button", text: t(one.proposed_class ? "com.otherClass" : "com.makeIncident"), on: { click: () => void toIncident(one, reload) } })]),
    one.answer && h("p", { class: "full answer", text: one.answer }),
    h("small", { class: "full" }, placed && one.community && [h("a", { class: "link", href: `/communities/${encodeURIComponent(one.community.code)}#opinions`, text: nameOf(one.community) }), " · "], [dateTime(one.said_at), one.activity?.name ?? one.round?.name, one.follow_up && t("com.followUpTold", { what: one.follow_up, who: one.follow_up_by ?? "—" }), one.follow_up_due && t("com.until", { day: showDay(one.follow_up_due) }), one.followed_up_on && t("com.doneOn", { day: showDay(one.followed_up_on) })].filter(Boolean).join(" · "),
      one.has_person && may("personal.read") && [" · ", h("button", { type: "button", class: "link", text: t("com.whoSaid"), on: { click: (/** @type {any} */ event) => void who(one, event.currentTarget) } })]));
}

/** @param {any} one @param {HTMLElement} button */
async function who(one, button) {
  try {
    const told = await getJSON(`/api/opinions/${one.id}/person`);
    button.replaceWith([told.name, told.phone].filter(Boolean).join(" ") || "—");
  } catch (error) {
    complain(t("com.whoSaid"), error);
  }
}

const ADOPTED = () => /** @type {[string, string][]} */ ([["", t("com.undecided")], ["true", t("com.adopted")], ["false", t("com.notAdopted")]]);

/** Whether it was adopted, as a select says it. @param {any} value */
const adoptedOf = (value) => (value === null || value === "" ? null : value === "true");

/** What was said in a community or at an activity, with the answer given there. @param {{community: string}|{activity: string}} where @param {() => Promise<void>} reload */
export function addOpinion(where, reload) {
  openForm(t("com.addOpinion"), [
    { name: "words", label: t("com.said"), kind: "words", required: true },
    { name: "answer", label: t("com.answer"), kind: "words" },
    { name: "adopted", label: t("com.adoptedAsk"), kind: "select", options: ADOPTED() },
    { name: "name", label: t("com.personName") },
    { name: "phone", label: t("com.phone") },
  ], {}, async (values) => {
    await send("POST", "/api/opinions", { ...values, adopted: adoptedOf(values.adopted), ...where });
    await reload();
  });
}

/** @param {any} one @param {() => Promise<void>} reload */
function answer(one, reload) {
  openForm(t("com.answer"), [
    { name: "answer", label: one.words, kind: "words" },
    { name: "adopted", label: t("com.adoptedAsk"), kind: "select", options: ADOPTED() },
    { name: "follow_up", label: t("com.followUp") },
    { name: "follow_up_by", label: t("com.follower") },
    { name: "follow_up_due", label: t("com.untilDay"), kind: "date" },
    { name: "followed_up_on", label: t("com.doneDay"), kind: "date" },
  ], one, async (values) => {
    await send("PUT", `/api/opinions/${one.id}`, { ...values, adopted: adoptedOf(values.adopted) });
    await reload();
  });
}

/** @param {any} one @param {string} code of the class @param {() => Promise<void>} reload */
async function make(one, code, reload) {
  try {
    const told = await send("POST", address(`/api/opinions/${one.id}/incident`, { class: code }));
    say(t("com.madeIncidentCode", { code: told.incident.code }), { seconds: 8 });
    await reload();
  } catch (error) {
    complain(t("com.makeIncident"), error);
    await reload();
  }
}

/** @param {any} one @param {() => Promise<void>} reload */
async function toIncident(one, reload) {
  try {
    const { items } = await getJSON("/api/classes");
    const named = (/** @type {any} */ row) => (language() === "en" && row.name_en) || row.name;
    openForm(t("com.makeIncident"), [
      { name: "class", label: one.words, kind: "select", options: items.map((/** @type {any} */ row) => [row.code, `${row.code} ${named(row)}`]) },
    ], { class: one.proposed_class?.code }, async (values) => {
      await send("POST", `/api/opinions/${one.id}/incident?class=${encodeURIComponent(values.class)}`);
      say(t("com.madeIncident"));
      await reload();
    });
  } catch (error) {
    complain(t("com.makeIncident"), error);
  }
}
