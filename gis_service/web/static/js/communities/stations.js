/** Stations of a community and the party members registered with it. */

import { may } from "../account.js";
import { getJSON } from "../api.js";
import { fill, h } from "../dom.js";
import { dateTime, number, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { hours, nameOf } from "./words.js";

/** @param {HTMLElement} box @param {{code: string}} place */
export async function drawStations(box, place) {
  const [{ items }, party] = await Promise.all([
    getJSON("/api/stations", { community: place.code }), getJSON("/api/party-members", { community: place.code }),
  ]);
  const told = await Promise.all(items.map(async (/** @type {any} */ one) => [
    await getJSON(`/api/stations/${encodeURIComponent(one.code)}`),
    await getJSON(`/api/stations/${encodeURIComponent(one.code)}/mediations`).catch(() => ({ items: [] })),
  ]));
  const names = h("ul", { class: "rows" });
  fill(box,
    told.length === 0 && h("section", { class: "panel-box" }, h("h2", { text: t("com.stations") }), h("p", { class: "note", text: t("com.noStation") })),
    told.map(([station, mediations]) => h("section", { class: "panel-box" },
      h("h2", { text: station.name }),
      h("p", { class: "note", text: [station.address, station.phone, ...hours(station.opening), station.services.map(nameOf).join(t("com.and"))].filter(Boolean).join(" · ") }),
      h("h3", { text: t("com.onDuty") }),
      h("ul", { class: "rows" }, station.shifts.slice(0, 6).map((/** @type {any} */ shift) => h("li", {}, h("span", { text: shift.person }), h("small", { text: `${dateTime(shift.starts_at)} – ${dateTime(shift.ends_at)}` })))),
      h("h3", { text: t("com.mediations") }),
      mediations.items.length ? h("ul", { class: "rows" }, mediations.items.map((/** @type {any} */ one) => h("li", {}, h("span", { text: one.subject }), h("span", { class: "tag", text: nameOf(one.outcome) }), h("small", { class: "full", text: [dateTime(one.held_at), one.mediator].filter(Boolean).join(" · ") })))) : h("p", { class: "note", text: t("com.none") }))),
    h("section", { class: "panel-box" },
      h("div", { class: "table-head" }, h("h2", { text: t("com.members") }), h("span", { class: "note", text: t("com.membersOf", { here: party.here, registered: party.registered, of: party.members }) }),
        may("personal.read") && party.here > 0 && h("button", { type: "button", class: "button", text: t("com.showNames"), on: { click: () => void show(place, names) } })),
      party.branches.filter((/** @type {any} */ one) => one.community?.code === place.code).map((/** @type {any} */ one) => h("p", { text: t("com.branch", { name: one.name, unit: nameOf(one.unit), n: one.members }) })),
      members(names, party.items)));
}

/** @param {HTMLElement} box @param {any[]} items */
function members(box, items) {
  fill(box, items.map((one) => h("li", { data: { member: one.code } }, h("span", { text: one.code }),
    h("small", { text: [one.registered_on && showDay(one.registered_on), t("com.tookPart", { n: number(one.activities) })].filter(Boolean).join(" · ") }))));
  return box;
}

/** @param {{code: string}} place @param {HTMLElement} box */
async function show(place, box) {
  try {
    const { items } = await getJSON("/api/party-members/names", { community: place.code });
    for (const one of items) {
      const cell = box.querySelector(`[data-member="${CSS.escape(one.code)}"] span`);
      if (cell) cell.textContent = `${one.code} ${one.name ?? "—"}`;
    }
  } catch (error) {
    complain(t("com.showNames"), error);
  }
}
