/** What is to be done today: open cases in the officer's scope, soonest due first, and what is promised. */

import { ApiError, getJSON, send } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { dateTime, language, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { photoPicker } from "../pictures.js";
import { pathOf } from "../where.js";

const SHOWN = 60;
/** what is done in the field; the rest is the console's */
const DONE_HERE = ["accept", "start", "report_in", "resolve", "check", "rework", "return", "verify", "comment"];
/** what these want in words */
const NEEDS = { return: "reason", rework: "reason", comment: "note" };

/** @param {any} named */
const nameOf = (named) => (language() === "en" && named.name_en ? named.name_en : named.name);

/** @param {HTMLElement} box @param {any} session @returns {() => Promise<void>} reads the list again */
export function startTasks(box, session) {
  const note = h("p", { class: "note", role: "status" });
  const list = h("ul", { class: "tasks" });
  const again = h("button", { type: "button", class: "button", text: t("field.refresh"), on: { click: () => void read() } });
  /** @type {number|null} */
  let unfolded = null;

  async function read() {
    try {
      const states = session.permissions.includes("incident.resolve")
        ? ["dispatched", "accepted", "in_progress", "reported", "resolved"] : ["reported", "verified", "filed"];
      const { items, next } = await getJSON("/api/incidents", { state: states, sort: "due_at", limit: SHOWN });
      note.textContent = t(next ? "field.tasksMore" : "field.tasks", { n: items.length, at: dateTime(new Date()) });
      fill(list, items.length ? items.map(row) : h("li", { class: "note", text: t("field.noTasks") }));
    } catch (error) {
      note.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {any} item */
  function row(item) {
    const late = item.due_at && Date.parse(item.due_at) < Date.now();
    const detail = h("div", { class: "task-detail", hidden: true });
    const head = h("button", {
      type: "button", class: "task-head", "aria-expanded": "false", on: { click: () => void toggle() },
    }, h("span", { class: "state-line" }, item.urgent && h("em", { text: t("dispatch.only.urgent") }), h("b", { text: nameOf(item.class) }), h("span", { class: "tag", text: t(`state.${item.state}`) })),
    h("span", { class: "note", text: [pathOf({ community: item.community, grid: item.grid }), item.address].filter(Boolean).join(" · ") || t("place.none") }),
    h("span", { class: late ? "due late" : "due", text: item.due_at ? t(late ? "field.late" : "field.due", { at: dateTime(item.due_at) }) : t("field.noDue") }));
    async function toggle() {
      detail.hidden = !detail.hidden;
      unfolded = detail.hidden ? null : item.id;
      head.setAttribute("aria-expanded", String(!detail.hidden));
      if (detail.hidden) return;
      fill(detail, h("p", { class: "note", text: t("drawer.loading") }));
      try {
        open(detail, await getJSON(`/api/incidents/${item.id}`));
      } catch (error) {
        fill(detail, h("p", { class: "problem", text: /** @type {Error} */ (error).message }));
      }
    }
    const element = h("li", { class: "tile", data: { id: String(item.id) } }, head, detail);
    if (unfolded === item.id) void toggle();
    return element;
  }

  /** @param {HTMLElement} detail @param {any} item */
  function open(detail, item) {
    const called = item.whistles.some((/** @type {any} */ whistle) => whistle.units.some((/** @type {any} */ one) => !one.reported_in_at));
    const actions = DONE_HERE.filter((action) => item.actions.includes(action) && (action !== "report_in" || called));
    fill(detail, item.description && h("p", { text: item.description }),
      item.due_explained && h("p", { class: "note", text: item.due_explained }),
      item.whistles.length > 0 && h("p", { class: "note", text: t("field.whistled", { reason: item.whistles.at(-1).reason }) }),
      item.photos.length > 0 && h("ul", { class: "thumbs" }, item.photos.map((/** @type {any} */ photo) => h("li", {}, h("a", { href: `/api/incidents/${item.id}/photos/${photo.id}`, target: "_blank", rel: "noopener" },
        h("img", { src: `/api/incidents/${item.id}/photos/${photo.id}?size=thumb`, alt: t(`dispatch.purpose.${photo.purpose}`), loading: "lazy" }))))),
      item.lon !== null && h("a", { class: "button", href: `geo:${item.lat},${item.lon}?q=${item.lat},${item.lon}` }, icon("pin"), t("field.navigate")),
      form(item, actions));
  }

  /** @param {any} item @param {string[]} actions */
  function form(item, actions) {
    if (!actions.length) return h("p", { class: "note", text: t("dispatch.noActions") });
    const words = h("textarea", { class: "field", rows: 2, maxLength: 4000, placeholder: t("field.noteHint"), "aria-label": t("field.noteHint") });
    const photos = photoPicker(9);
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    /** @param {string} action @param {HTMLButtonElement} button */
    async function act(action, button) {
      const need = /** @type {Record<string, string>} */ (NEEDS)[action];
      if (need && !words.value.trim()) { problem.textContent = t("field.needWords"); problem.hidden = false; words.focus(); return; }
      button.disabled = true;
      problem.hidden = true;
      try {
        const ids = [];
        for (const file of photos.read()) {
          const data = new FormData();
          data.append("photo", file);
          ids.push((await send("POST", "/api/attachments", data)).id);
        }
        await send("POST", `/api/incidents/${item.id}/${action}`, {
          version: item.version, ...(words.value.trim() ? { [need ?? "note"]: words.value.trim() } : {}), ...(ids.length ? { photos: ids } : {}),
        });
        say(t("dispatch.done", { action: t(`action.${action}`), code: item.code }));
        await read();
      } catch (error) {
        button.disabled = false;
        problem.textContent = /** @type {Error} */ (error).message + (error instanceof ApiError && error.status === 0 ? ` ${t("field.needNetwork")}` : "");
        problem.hidden = false;
      }
    }
    return h("div", { class: "stack" }, words, photos.element, problem, h("div", { class: "mine" }, actions.map((action, at) => h("button", {
      type: "button", class: `button${at ? "" : " primary"}`, data: { action }, text: t(`action.${action}`),
      on: { click: (/** @type {any} */ event) => void act(action, event.currentTarget) },
    }))));
  }

  fill(box, h("div", { class: "task-bar" }, note, again), list);
  read().catch((error) => complain(t("field.tab.tasks"), error));
  return read;
}
