/** Stations of a community and the party members registered with it. */

import { may } from "../account.js";
import { getJSON, send } from "../api.js";
import { app } from "../app.js";
import { fill, h } from "../dom.js";
import { dateTime, isoDay, number, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { whereField } from "../where.js";
import { openForm, positionOf } from "./forms.js";
import { readOpening, writeOpening } from "./notice.js";
import { hours, nameOf, option, words } from "./words.js";

/** @param {HTMLElement} box @param {{code: string, units: any[]}} place */
export async function drawStations(box, place) {
  const reload = () => drawStations(box, place);
  const [{ items }, party] = await Promise.all([
    getJSON("/api/stations", { community: place.code }), getJSON("/api/party-members", { community: place.code }),
  ]);
  const told = await Promise.all(items.map(async (/** @type {any} */ one) => [
    await getJSON(`/api/stations/${encodeURIComponent(one.code)}`),
    await getJSON(`/api/stations/${encodeURIComponent(one.code)}/mediations`).catch(() => ({ items: [] })),
  ]));
  const names = h("ul", { class: "rows" });
  const manages = may("station.manage");
  fill(box,
    (told.length === 0 || manages) && h("section", { class: "panel-box" }, h("div", { class: "table-head" }, h("h2", { text: t("com.stations") }), h("span", { class: "note", text: told.length ? "" : t("com.noStation") }),
      manages && h("button", { type: "button", class: "button primary", id: "add-station", text: t("com.addStation"), on: { click: () => editStation(null, place, reload) } }))),
    told.map(([station, mediations]) => h("section", { class: "panel-box", data: { station: station.code } },
      h("div", { class: "table-head" }, h("h2", { text: station.name }), h("span", { class: "note", text: station.open ? "" : t("com.closedStation") }), manages && [
        h("button", { type: "button", class: "button", text: t("com.edit"), on: { click: () => editStation(station, place, reload) } }),
        h("button", { type: "button", class: "button", text: t("com.addShift"), on: { click: () => addShift(station, place, reload) } }),
        h("button", { type: "button", class: "button", text: t("com.addMediation"), on: { click: () => addMediation(station, reload) } })]),
      h("p", { class: "note", text: [station.address, station.phone, ...hours(station.opening), station.services.map(nameOf).join(t("com.and"))].filter(Boolean).join(" · ") }),
      h("h3", { text: t("com.onDuty") }),
      station.shifts.length ? h("ul", { class: "rows" }, station.shifts.slice(0, 8).map((/** @type {any} */ shift) => h("li", {}, h("span", { text: shift.person }),
        manages && h("button", { type: "button", class: "link", text: t("com.remove"), on: { click: () => void drop(station, shift, reload) } }),
        h("small", { class: "full", text: `${dateTime(shift.starts_at)} – ${dateTime(shift.ends_at)}` })))) : h("p", { class: "note", text: t("com.none") }),
      h("h3", { text: t("com.mediations") }),
      mediations.items.length ? h("ul", { class: "rows" }, mediations.items.map((/** @type {any} */ one) => h("li", {}, h("span", { text: one.subject }), h("span", { class: "tag", text: nameOf(one.outcome) }), h("small", { class: "full", text: [dateTime(one.held_at), one.mediator, one.summary].filter(Boolean).join(" · ") })))) : h("p", { class: "note", text: t("com.none") }))),
    h("section", { class: "panel-box" },
      h("div", { class: "table-head" }, h("h2", { text: t("com.members") }), h("span", { class: "note", text: [t("com.membersOf", { here: party.here, registered: party.registered, of: party.members }), t("com.branchesOf", { n: party.roster.branches_registered, of: party.roster.branches })].join(" · ") }),
        may("personal.read") && party.here > 0 && h("button", { type: "button", class: "button", text: t("com.showNames"), on: { click: () => void show(place, names) } }),
        may("party.manage") && party.branches.length > 0 && h("button", { type: "button", class: "button", id: "add-member", text: t("com.addMember"), on: { click: () => addMember(party, place, reload) } })),
      party.branches.filter((/** @type {any} */ one) => one.community?.code === place.code).map((/** @type {any} */ one) => h("p", {}, t("com.branch", { name: one.name, unit: nameOf(one.unit), n: one.members }), " · ", h("a", { class: "link", href: `/lists?of=activities&state=done&branch=${encodeURIComponent(one.code)}`, text: t("com.branchActivities", { n: one.activities }) }))),
      members(names, party.items)));
}

/** @param {any|null} station @param {any} place @param {() => Promise<void>} reload */
function editStation(station, place, reload) {
  const where = whereField({ map: Boolean(app.district.bbox), paste: true, name: "where" });
  if (station) void where.choose({ lon: station.lon, lat: station.lat, crs: "wgs84" });
  openForm(t(station ? "com.editStation" : "com.addStation"), [
    ...(station ? [] : [{ name: "code", label: t("com.code"), required: true }]),
    { name: "name", label: t("com.name"), required: true },
    { name: "address", label: t("com.address") },
    { name: "phone", label: t("com.phone") },
    { name: "where", label: t("com.position"), kind: "element", wide: true, element: where.element },
    { name: "opened_on", label: t("com.openedOn"), kind: "date" },
    { name: "closed_on", label: t("com.closedOn"), kind: "date" },
    { name: "opening", label: t("com.openingLabel"), kind: "words", hint: t("com.openingHint") },
    { name: "services", label: t("com.services"), kind: "checks", options: words.station_service.map(option) },
    { name: "note", label: t("com.note"), kind: "words" },
  ], { ...station, services: station?.services.map((/** @type {any} */ one) => one.code), opening: writeOpening(station?.opening ?? []) }, async (values) => {
    const body = { ...values, ...positionOf(where), opening: readOpening(values.opening), community: place.code };
    if (station) await send("PUT", `/api/stations/${encodeURIComponent(station.code)}`, { ...body, version: station.version });
    else await send("POST", "/api/stations", body);
    await reload();
  });
}

/** @param {any} station @param {any} place @param {() => Promise<void>} reload */
function addShift(station, place, reload) {
  openForm(t("com.addShift"), [
    { name: "person", label: t("com.personName"), required: true },
    { name: "day", label: t("com.dayLabel"), kind: "date", required: true },
    { name: "start", label: t("com.begins"), kind: "time", required: true },
    { name: "end", label: t("com.ends"), kind: "time", required: true },
    { name: "unit", label: t("com.unit"), kind: "select", options: [["", "—"], .../** @type {[string, string][]} */ (place.units.map(option))] },
  ], { day: isoDay(new Date()), start: "08:00", end: "14:00" }, async ({ person, day, start, end, unit }) => {
    await send("POST", `/api/stations/${encodeURIComponent(station.code)}/shifts`, { person, unit, starts_at: `${day}T${start}`, ends_at: `${day}T${end}` });
    await reload();
  });
}

/** @param {any} station @param {any} shift @param {() => Promise<void>} reload */
async function drop(station, shift, reload) {
  try {
    await send("DELETE", `/api/stations/${encodeURIComponent(station.code)}/shifts/${shift.id}`);
    await reload();
  } catch (error) {
    complain(t("com.onDuty"), error);
  }
}

/** @param {any} station @param {() => Promise<void>} reload */
function addMediation(station, reload) {
  openForm(t("com.addMediation"), [
    { name: "subject", label: t("com.subject"), required: true },
    { name: "day", label: t("com.dayLabel"), kind: "date", required: true },
    { name: "start", label: t("com.begins"), kind: "time", required: true },
    { name: "outcome", label: t("com.outcome"), kind: "select", options: words.mediation_outcome.map(option) },
    { name: "mediator", label: t("com.mediator") },
    { name: "incident", label: t("com.aboutIncident") },
    { name: "summary", label: t("com.summary"), kind: "words" },
    { name: "parties", label: t("com.parties"), kind: "words" },
  ], { day: isoDay(new Date()), start: "09:00" }, async ({ day, start, incident, ...said }) => {
    await send("POST", `/api/stations/${encodeURIComponent(station.code)}/mediations`, { ...said, held_at: `${day}T${start}`, incident: incident || null });
    await reload();
  });
}

/** @param {any} party @param {any} place @param {() => Promise<void>} reload */
function addMember(party, place, reload) {
  openForm(t("com.addMember"), [
    { name: "code", label: t("com.memberCode"), required: true },
    { name: "branch", label: t("com.branchLabel"), kind: "select", options: party.branches.map(option) },
    { name: "name", label: t("com.personName"), hint: t("com.keptEncrypted") },
    { name: "registered_on", label: t("com.registeredOn"), kind: "date" },
  ], {}, async ({ code, name, ...said }) => {
    await send("PUT", `/api/party-members/${encodeURIComponent(code)}`, { ...said, name: name || null, community: place.code });
    await reload();
  });
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
