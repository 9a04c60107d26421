/** Residents' orders: taken, assigned, put on a meeting's table; and what meetings decided. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { ENDED } from "../app.js";
import { fill, h } from "../dom.js";
import { dateTime, isoDay, number, showDay, t } from "../i18n.js";
import { complain, say } from "../messages.js";
import { openForm } from "./forms.js";
import { nameOf, option } from "./words.js";

/** @param {HTMLElement} box @param {{code: string, units: any[]}} place */
export async function drawOrders(box, place) {
  const reload = () => drawOrders(box, place);
  const [orders, meetings] = await Promise.all([
    getJSON("/api/incidents", { community: place.code, order: true, limit: 50 }),
    getJSON(`/api/communities/${encodeURIComponent(place.code)}/meetings`),
  ]);
  const open = orders.items.filter((/** @type {any} */ one) => !ENDED.includes(one.state));
  const ended = orders.items.filter((/** @type {any} */ one) => ENDED.includes(one.state));
  const list = (/** @type {any[]} */ items) => h("ul", { class: "rows" }, items.map((one) => orderRow(one, place, meetings.items, tabled.has(one.id), reload)));
  const tabled = new Set(meetings.items.flatMap((/** @type {any} */ one) => one.items.map((/** @type {any} */ item) => item.incident.id)));
  fill(box,
    h("section", { class: "panel-box" },
      h("div", { class: "table-head" }, h("h2", { text: t("com.tab.orders") }), h("span", { class: "note", text: t("com.ordersOpen", { n: open.length, of: orders.items.length }) })),
      !orders.items.length && h("p", { class: "note", text: t("com.noOrders") }),
      list(open),
      ended.length > 0 && h("details", {}, h("summary", { text: t("com.ended", { n: ended.length }) }), list(ended))),
    h("section", { class: "panel-box" },
      h("div", { class: "table-head" }, h("h2", { text: t("com.meetings") }), h("span", { class: "note" }),
        may("meeting.manage") && h("button", { type: "button", class: "button primary", id: "add-meeting", text: t("com.addMeeting"), on: { click: () => editMeeting(null, place, reload) } })),
      meetings.items.length ? meetings.items.map((/** @type {any} */ one) => meetingBox(one, place, reload)) : h("p", { class: "note", text: t("com.none") })));
}

/** @param {any} one @param {any} place @param {any[]} meetings @param {boolean} tabled @param {() => Promise<void>} reload */
function orderRow(one, place, meetings, tabled, reload) {
  /** @param {() => Promise<any>} task @param {string} said */
  const act = async (task, said) => {
    try {
      await task();
      say(said);
      await reload();
    } catch (error) {
      complain(one.code, error);
    }
  };
  const go = (/** @type {string} */ action, body = {}) => send("POST", `/api/incidents/${one.id}/${action}`, body);
  const button = (/** @type {string} */ text, /** @type {() => void} */ click, primary = false) => h("button", { type: "button", class: primary ? "button primary" : "button", text, on: { click } });
  const unheard = ["reported", "verified"].includes(one.state);
  return h("li", { data: { order: String(one.id) } },
    h("span", {}, h("b", { text: nameOf(one.class) }), " ", h("span", { class: `tag ${one.closed_at ? "closed" : unheard ? "open" : ""}`, text: t(`state.${one.state}`) }), tabled && [" ", h("span", { class: "tag following", text: t("com.tabled") })]),
    h("span", { class: "acts" },
      unheard && may("incident.file") && may("incident.verify") && button(t("com.take"), () => void act(async () => { if (one.state === "reported") await go("verify"); await go("file"); }, t("com.taken")), true),
      ["filed", "returned"].includes(one.state) && may("incident.dispatch") && button(t("com.assign"), () => openForm(t("com.assign"), [
        { name: "unit", label: t("com.unit"), kind: "select", options: [["", t("com.unitByClass")], .../** @type {[string, string][]} */ (place.units.map(option))] },
        { name: "note", label: t("com.note"), kind: "words" },
      ], {}, async ({ unit, note }) => { await go("dispatch", { ...(unit ? { unit } : {}), ...(note ? { note } : {}) }); await reload(); }), true),
      one.state === "resolved" && may("incident.check") && button(t("com.check"), () => void act(() => go("check"), t("com.checked")), true),
      !ENDED.includes(one.state) && !tabled && meetings.length > 0 && may("meeting.manage") && button(t("com.toMeeting"), () => void act(() => send("POST", `/api/meetings/${meetings[0].id}/items?incident=${one.id}`), t("com.tabledIn", { title: meetings[0].title })))),
    h("small", { class: "full", text: [one.code, dateTime(one.reported_at), nameOf(one.grid), one.unit && t("com.with", { unit: nameOf(one.unit) }), one.due_at && t("com.due", { when: dateTime(one.due_at) })].filter(Boolean).join(" · ") }),
    one.description && h("p", { class: "full", text: one.description }));
}

/** @param {any} meeting @param {any} place @param {() => Promise<void>} reload */
function meetingBox(meeting, place, reload) {
  return h("div", { data: { meeting: String(meeting.id) } },
    h("div", { class: "table-head" }, h("h3", { text: meeting.title }), h("span", { class: "note", text: showDay(meeting.held_on) }),
      may("meeting.manage") && h("button", { type: "button", class: "link", text: t("com.edit"), on: { click: () => editMeeting(meeting, place, reload) } })),
    meeting.minutes && h("p", { text: meeting.minutes }),
    meeting.items.length ? h("ul", { class: "rows" }, meeting.items.map((/** @type {any} */ item) => h("li", {},
      h("span", {}, h("b", { text: item.incident.class }), ` ${item.incident.code} `, h("span", { class: `tag ${item.done_on ? "done" : item.decision ? "following" : "open"}`, text: t(item.done_on ? "com.itemDone" : item.decision ? "com.itemDecided" : "com.itemOpen") })),
      h("span", { class: "acts" }, may("meeting.manage") && h("button", { type: "button", class: "button", text: t("com.decide"), on: { click: () => decide(meeting, item, place, reload) } })),
      item.decision && h("p", { class: "full answer", text: item.decision }),
      h("small", { class: "full", text: [item.incident.description, (item.unit_name || item.follower) && t("com.followedBy", { who: [item.unit_name, item.follower].filter(Boolean).join(" ") }), item.due_on && t("com.until", { day: showDay(item.due_on) }), item.done_on && t("com.doneOn", { day: showDay(item.done_on) })].filter(Boolean).join(" · ") })))) : h("p", { class: "note", text: t("com.noItems") }));
}

/** @param {any|null} meeting @param {any} place @param {() => Promise<void>} reload */
function editMeeting(meeting, place, reload) {
  openForm(t(meeting ? "com.editMeeting" : "com.addMeeting"), [
    { name: "held_on", label: t("com.dayLabel"), kind: "date", required: true },
    { name: "title", label: t("com.name"), required: true },
    { name: "minutes", label: t("com.minutes"), kind: "words" },
  ], meeting ?? { held_on: isoDay(new Date()), title: t("com.meetingTitle", { month: number(Number(isoDay(new Date()).slice(5, 7))) }) }, async (values) => {
    if (meeting) await send("PUT", `/api/meetings/${meeting.id}`, values);
    else await send("POST", `/api/communities/${encodeURIComponent(place.code)}/meetings`, values);
    await reload();
  });
}

/** @param {any} meeting @param {any} item @param {any} place @param {() => Promise<void>} reload */
function decide(meeting, item, place, reload) {
  openForm(t("com.decide"), [
    { name: "decision", label: t("com.decision"), kind: "words", required: true },
    { name: "unit", label: t("com.followingUnit"), kind: "select", options: [["", "—"], .../** @type {[string, string][]} */ (place.units.map(option))] },
    { name: "follower", label: t("com.follower") },
    { name: "due_on", label: t("com.untilDay"), kind: "date" },
    { name: "done_on", label: t("com.doneDay"), kind: "date" },
  ], item, async (values) => {
    await send("PUT", `/api/meetings/${meeting.id}/items/${item.id}`, values);
    await reload();
  });
}
