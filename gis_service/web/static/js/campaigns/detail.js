/** One campaign: what it is, what it changed, its tasks and photos. */

import { may } from "../account.js";
import { getJSON, isAbort, latest, send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { isoDay, listed, number, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { chart } from "./chart.js";
import { edit } from "./editor.js";
import { renewed, showParts, take } from "./ground.js";
import { change, inLanguage, interval, outcome, period } from "./words.js";

const next = latest();
/** @type {() => Promise<void>} */
let listAgain = async () => {};

/** @param {() => Promise<void>} again draws the list anew */
export function startDetail(again) {
  listAgain = again;
  nothing();
}

export function nothing() {
  fill(byId("detail"), h("p", { class: "note", text: t("campaigns.choose") }));
}

/** @param {string} code */
export async function open(code) {
  const signal = next();
  take(null);
  const path = `/api/campaigns/${encodeURIComponent(code)}`;
  try {
    const [campaign, found] = await Promise.all([getJSON(path, {}, { signal }), getJSON(`${path}/effect`, {}, { signal })]);
    history.replaceState(null, "", `#${encodeURIComponent(code)}`);
    for (const row of document.querySelectorAll(".campaign-row")) {
      row.classList.toggle("chosen", /** @type {HTMLElement} */ (row).dataset.campaign === code);
    }
    draw(campaign, found);
    showParts(found, campaign);
  } catch (error) {
    if (!isAbort(error)) complain(t("campaigns.detail"), error, () => void open(code));
  }
}

/** @param {any} campaign @param {any} found */
function draw(campaign, found) {
  const fact = (/** @type {string} */ name, /** @type {string} */ text) => text && [h("dt", { text: t(`campaigns.fact.${name}`) }), h("dd", { text })];
  const places = campaign.areas.map((/** @type {any} */ area) => area.name || area.code);
  fill(byId("detail"),
    h("h2", { text: campaign.name }),
    h("p", {}, h("span", { class: "mark", text: t(`campaigns.state.${campaign.state}`) }), " ", h("small", { text: campaign.code })),
    h("dl", { class: "facts" }, [
      fact("period", period(campaign)),
      fact("where", listed([listed(places.slice(0, 6)) + (places.length > 6 ? "…" : ""), campaign.drawn && t("campaigns.drawn")].filter(Boolean))
        + t("campaigns.grids", { n: number(campaign.grids) })),
      fact("classes", listed(campaign.class_names.map(inLanguage))),
      fact("lead", inLanguage(campaign.lead)),
      fact("units", listed(campaign.units.map(inLanguage))),
      fact("goal", campaign.goal),
    ].flat()),
    may("campaign.manage") && campaign.state !== "cancelled" && h("div", { class: "campaign-actions" },
      h("button", { type: "button", class: "button", text: t("campaigns.edit"), on: { click: () => void edit({ campaign }, finished) } }),
      h("button", { type: "button", class: "button", text: t("campaigns.cancel"), on: { click: () => void cancel(campaign) } })),
    effect(found),
    chart(found),
    figures(found),
    tasks(campaign),
    photos(campaign));
  byId("detail").scrollTop = 0;
}

/** @param {string} code */
async function finished(code) {
  renewed();
  await listAgain();
  await open(code);
}

/** @param {any} campaign */
async function cancel(campaign) {
  if (!window.confirm(t("campaigns.cancelAsk", { name: campaign.name }))) return;
  try {
    await send("DELETE", `/api/campaigns/${encodeURIComponent(campaign.code)}`);
    await finished(campaign.code);
  } catch (error) {
    complain(t("campaigns.cancel"), error);
  }
}

/** @param {any} found */
function effect(found) {
  const kind = outcome(found);
  return h("section", { class: `verdict ${kind}`, id: "effect", data: { verdict: kind } },
    h("b", { text: [t(`campaigns.outcome.${kind}`), change(found.estimate)].filter(Boolean).join(" ") }),
    h("p", { text: found.summary }),
    h("ul", {},
      found.warnings.map((/** @type {any} */ one) => h("li", { data: { warning: one.code }, text: one.text })),
      found.notes.map((/** @type {any} */ one) => h("li", { class: "note", text: one.text }))));
}

/** @param {any} found */
function figures(found) {
  if (found.estimate === null) return null;
  const cell = (/** @type {any} */ value, moved = false) => h("td", { class: moved ? "moved" : null, text: value === null ? "—" : typeof value === "number" ? number(value) : value });
  const row = (/** @type {string} */ name, /** @type {any} */ one, /** @type {string} */ words, moved = false) => h("tr", {},
    h("td", { text: name }), cell(one.grids ? one.grids.length : ""), cell(one.before), cell(one.after, moved), cell(words, moved));
  return [
    h("h3", { text: t("campaigns.figures") }),
    h("div", { class: "box" }, h("table", {},
      h("thead", {}, h("tr", {}, ["", "grids", "before", "after", "against"].map((name) => h("th", { text: name && t(`campaigns.head.${name}`) })))),
      h("tbody", {},
        row(t("campaigns.part.treated"), found.treated, `${change(found.estimate)} (${interval(found)})`),
        row(t("campaigns.part.compared"), found.comparison, ""),
        found.nearby && row(t("campaigns.part.near"), found.nearby, `${change(found.nearby.change)} (${interval(found.nearby)})`),
        found.placebo && row(t("campaigns.placebo"), { grids: found.treated.grids, ...found.placebo }, `${change(found.placebo.change)} (${interval(found.placebo)})`),
        found.sources.map((/** @type {any} */ one) => row(t("campaigns.ofSource", { name: one.name }), one, `${change(one.change)} (${interval(one)})`, one.moved)))),
    h("p", {}, h("small", { text: t("campaigns.method", {
      days: number(found.windows.days), from: showDay(found.windows.before.from), to: showDay(found.windows.after.to), p: found.p.toFixed(3),
    }) }))),
  ];
}

/** @param {any} campaign */
function tasks(campaign) {
  const working = may("campaign.work") && campaign.state !== "cancelled";
  const path = `/api/campaigns/${encodeURIComponent(campaign.code)}/tasks`;
  const save = async (/** @type {any} */ task, /** @type {any} */ changes) => {
    try {
      const { title, unit, due_on, done_on, note } = { ...task, ...changes };
      await send(task.id ? "PUT" : "POST", task.id ? `${path}/${task.id}` : path, { title, unit, due_on, done_on, note: note ?? "" });
      await finished(campaign.code);
    } catch (error) {
      complain(t("campaigns.tasks"), error);
    }
  };
  return [
    h("h3", { text: t("campaigns.tasksOf", { done: number(campaign.tasks_done), of: number(campaign.tasks) }) }),
    h("div", { class: "box" },
      h("ul", { class: "tasks" }, campaign.task_list.map((/** @type {any} */ task) => h("li", { class: task.done_on ? "done" : null },
        working ? h("input", {
          type: "checkbox", checked: Boolean(task.done_on), "aria-label": t("campaigns.done", { title: task.title }),
          on: { change: (/** @type {any} */ event) => void save(task, { done_on: event.target.checked ? isoDay(new Date()) : null }) },
        }) : task.done_on ? "✓" : "○",
        h("span", {}, task.title, h("small", { text: ` ${task.unit_name ? inLanguage({ name: task.unit_name, name_en: task.unit_name_en }) : ""}` })),
        h("small", { class: task.late ? "late" : null, text: task.done_on
          ? t("campaigns.doneOn", { day: showDay(task.done_on) })
          : t(task.late ? "campaigns.lateSince" : "campaigns.dueOn", { day: showDay(task.due_on) }) })))),
      !campaign.task_list.length && h("p", { class: "note", text: t("campaigns.noTasks") }),
      working && h("form", { class: "inline-form", on: { submit: (/** @type {any} */ event) => {
        event.preventDefault();
        const form = new FormData(event.target);
        void save({}, { title: form.get("title"), due_on: form.get("due_on"), unit: null, done_on: null });
      } } },
      h("input", { class: "field", name: "title", required: true, maxLength: 200, placeholder: t("campaigns.newTask"), "aria-label": t("campaigns.newTask") }),
      h("input", { class: "field", name: "due_on", type: "date", required: true, value: isoDay(new Date()), "aria-label": t("campaigns.due") }),
      h("button", { type: "submit", class: "button", text: t("campaigns.add") }))),
  ];
}

/** @param {any} campaign */
function photos(campaign) {
  const path = `/api/campaigns/${encodeURIComponent(campaign.code)}/photos`;
  const working = may("campaign.work") && campaign.state !== "cancelled";
  if (!working && !campaign.photos.length) return null;
  return [
    h("h3", { text: t("campaigns.photos") }),
    h("div", { class: "box" },
      h("div", { class: "photos" }, campaign.photos.map((/** @type {any} */ one) => h("figure", {},
        h("a", { href: `${path}/${one.id}`, target: "_blank" }, h("img", { src: `${path}/${one.id}?size=thumb`, alt: one.note || t(`campaigns.moment.${one.moment}`) })),
        h("figcaption", { text: [t(`campaigns.moment.${one.moment}`), one.note].filter(Boolean).join(" · ") })))),
      working && h("form", { class: "inline-form", on: { submit: async (/** @type {any} */ event) => {
        event.preventDefault();
        try {
          await send("POST", path, new FormData(event.target));
          say(t("campaigns.photoKept"));
          await finished(campaign.code);
        } catch (error) {
          complain(t("campaigns.photos"), error);
        }
      } } },
      h("input", { class: "field", type: "file", name: "photo", required: true, accept: "image/jpeg,image/png,image/webp", "aria-label": t("campaigns.photos") }),
      h("select", { class: "field", name: "moment", "aria-label": t("campaigns.moment") }, ["before", "during", "after"].map((one) => h("option", { value: one, text: t(`campaigns.moment.${one}`) }))),
      h("input", { class: "field", name: "note", maxLength: 500, placeholder: t("campaigns.note"), "aria-label": t("campaigns.note") }),
      h("button", { type: "submit", class: "button", text: t("campaigns.add") }))),
  ];
}

