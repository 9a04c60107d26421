/**
 * The list: only the rows in sight are elements, whatever its length. Rows that come, go or move
 * never shift what is being read: a list that is scrolled or pointed at keeps its place, and a pill
 * tells how many came above.
 */

import { byId, fill, h } from "../dom.js";
import { number, t } from "../i18n.js";
import { formatLinks } from "../exports/links.js";
import { may } from "../account.js";
import { ask, desk, load, more, on, open, query, tell } from "./desk.js";
import { rowElement } from "./row.js";
import { filterCount } from "./query.js";

/** @typedef {import("./query.js").Incident} Incident */

const HEIGHT = 76; // px of a row; dispatch.css has the same
const OVER = 6; // rows drawn beyond both edges
const NEAR = 30; // rows from the end at which the following page is asked for

/** @type {Map<number, {element: HTMLElement, item: Incident, at: number, fresh: boolean}>} */
const drawn = new Map();
/** @type {number[]} ids as last drawn */
let before = [];
let above = 0;
/** @type {number|null} the row last checked, from which shift reaches */
let lastChecked = null;
let place = 0; // of the cursor, where the list goes on when its row has gone

const box = () => byId("rows");
const list = () => byId("row-list");

export function startInbox() {
  box().addEventListener("scroll", () => { paint(); if (!box().scrollTop) pill(0); }, { passive: true });
  box().addEventListener("click", (/** @type {any} */ event) => {
    const row = event.target.closest?.(".row");
    if (row) open(Number(row.dataset.id));
  });
  box().addEventListener("pointerleave", paint);
  new ResizeObserver(paint).observe(box());
  byId("new-pill").addEventListener("click", () => { box().scrollTo({ top: 0 }); pill(0); box().focus(); });
  on("rows", (detail) => update(detail?.anew));
  on("moved", marks);
  on("checked", marks);
}

/** @param {boolean} anew another list, not the same one changed */
function update(anew) {
  const ids = desk.rows.map((row) => row.id);
  const places = new Map(ids.map((id, index) => [id, index]));
  const { scrollTop } = box();
  if (anew) {
    box().scrollTop = 0;
    pill(0);
  } else if (scrollTop > 0 || box().matches(":hover")) {
    // the first row in sight that is still there stays where it is
    const first = Math.floor(scrollTop / HEIGHT);
    const kept = before.slice(first).find((id) => places.has(id));
    if (kept !== undefined) {
      const was = before.indexOf(kept);
      const is = places.get(kept) ?? was;
      const old = new Set(before);
      const came = ids.slice(0, is).filter((id) => !old.has(id)).length;
      list().style.height = `${ids.length * HEIGHT}px`;
      if (is !== was) {
        box().classList.add("still");
        box().scrollTop = scrollTop + (is - was) * HEIGHT;
        requestAnimationFrame(() => requestAnimationFrame(() => box().classList.remove("still")));
      }
      if (came) pill(above + came);
    }
  }
  before = ids;
  if (desk.cursor !== null && places.has(desk.cursor)) place = places.get(desk.cursor) ?? 0;
  list().style.height = `${ids.length * HEIGHT}px`;
  paint();
  foot();
}

/** @param {number} count of rows that came above what is read */
function pill(count) {
  above = count;
  byId("new-pill").hidden = !count;
  if (count) byId("new-pill").textContent = t("dispatch.newAbove", { n: count });
}

/** Draws the rows in sight and forgets the others. */
function paint() {
  const { scrollTop, clientHeight } = box();
  const from = Math.max(0, Math.floor(scrollTop / HEIGHT) - OVER);
  const to = Math.min(desk.rows.length, Math.ceil((scrollTop + clientHeight) / HEIGHT) + OVER);
  const wanted = new Set();
  for (let at = from; at < to; at += 1) {
    const item = desk.rows[at];
    wanted.add(item.id);
    const fresh = desk.fresh.has(item.id);
    const was = drawn.get(item.id);
    if (was && was.item === item && was.fresh === fresh) {
      if (was.at !== at) move(was.element, (was.at = at));
      continue;
    }
    const element = rowElement(item, { toggle });
    move(element, at);
    if (was) was.element.replaceWith(element);
    else list().append(element);
    if (was && was.item.version !== item.version) element.classList.add("changed");
    drawn.set(item.id, { element, item, at, fresh });
  }
  for (const [id, { element }] of drawn) {
    if (wanted.has(id)) continue;
    element.remove();
    drawn.delete(id);
  }
  marks();
  if (desk.next && !desk.busy && to > desk.rows.length - NEAR) void more();
}

/** @param {HTMLElement} element @param {number} at */
function move(element, at) {
  element.style.transform = `translateY(${at * HEIGHT}px)`;
  element.setAttribute("aria-posinset", String(at + 1));
  element.setAttribute("aria-setsize", desk.next ? "-1" : String(desk.rows.length));
}

/** Shows cursor, open row and checks on the elements there are. */
function marks() {
  for (const [id, { element }] of drawn) {
    element.classList.toggle("at-cursor", id === desk.cursor);
    element.classList.toggle("is-shown", id === desk.open);
    element.setAttribute("aria-selected", String(id === desk.open));
    /** @type {any} */ (element.querySelector("input")).checked = desk.checked.has(id);
    if (id === desk.open) element.classList.remove("is-fresh");
  }
  if (desk.cursor !== null && drawn.has(desk.cursor)) box().setAttribute("aria-activedescendant", `row-${desk.cursor}`);
  else box().removeAttribute("aria-activedescendant");
}

/** What the list says of itself when it has no rows, or more than it shows. */
function foot() {
  const note = byId("list-note");
  box().setAttribute("aria-busy", String(desk.busy));
  const empty = !desk.rows.length;
  note.classList.toggle("empty", empty);
  if (desk.failed) {
    fill(note, h("p", { text: t("error.what", { what: t("dispatch.list"), why: desk.failed }) }),
      h("button", { type: "button", class: "button", text: t("error.retry"), on: { click: () => void load() } }));
  } else if (empty && desk.busy) fill(note, h("p", { text: t("dispatch.loading") }));
  else if (empty) {
    const narrowed = filterCount(desk.filters) > 0 || desk.filters.q.trim() !== "";
    fill(note, h("p", { text: t(narrowed ? "dispatch.noneFiltered" : `dispatch.none.${desk.tab}`) }));
  } else {
    fill(note, t(desk.next ? "dispatch.loadedMore" : "dispatch.loadedAll", { n: number(desk.rows.length) }),
      may("incident.export") && h("span", { class: "take", title: t("dispatch.take") },
        formatLinks("/api/exports/incidents", { ...query(), sort: null }).slice(0, 2)));
  }
}

/** Checks or unchecks a row; with shift, all between it and the one before. @param {Incident} item @param {MouseEvent} event */
function toggle(item, event) {
  const on = !desk.checked.has(item.id);
  const ids = desk.rows.map((row) => row.id);
  const [start, end] = [ids.indexOf(event.shiftKey && lastChecked !== null ? lastChecked : item.id), ids.indexOf(item.id)];
  const span = start < 0 ? [item.id] : ids.slice(Math.min(start, end), Math.max(start, end) + 1);
  for (const id of span) desk.checked[on ? "add" : "delete"](id);
  lastChecked = item.id;
  tell("checked");
}

/** Checks or unchecks the row at the cursor. */
export function toggleCursor() {
  if (desk.cursor === null) return;
  desk.checked[desk.checked.has(desk.cursor) ? "delete" : "add"](desk.cursor);
  lastChecked = desk.cursor;
  tell("checked");
}

let following = 0;

/** Moves the cursor by `step` rows; an open drawer follows. @param {number} step */
export function step(step) {
  if (!desk.rows.length) return;
  const here = desk.rows.findIndex((row) => row.id === desk.cursor);
  // where its row has gone, the next one stands in its place
  const from = here >= 0 ? here + step : step > 0 ? place : place - 1;
  const at = desk.cursor === null ? 0 : Math.max(0, Math.min(desk.rows.length - 1, from));
  place = at;
  desk.cursor = desk.rows[at].id;
  reveal(at);
  tell("moved");
  clearTimeout(following);
  if (desk.open !== null) following = window.setTimeout(() => desk.open !== null && open(desk.cursor), 150);
}

/** @param {number} at */
function reveal(at) {
  const { scrollTop, clientHeight } = box();
  if (at * HEIGHT < scrollTop) box().scrollTop = at * HEIGHT;
  else if ((at + 1) * HEIGHT > scrollTop + clientHeight) box().scrollTop = (at + 1) * HEIGHT - clientHeight;
  paint();
}

/** Asks for the list of a tab. @param {string} tab */
export const show = (tab) => ask({ tab });
