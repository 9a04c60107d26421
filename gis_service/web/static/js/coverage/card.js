/** One grid: its promises, the last visits, the cases there. */

import { getJSON, isAbort, latest } from "../api.js";
import { may } from "../account.js";
import { app, LEVELS } from "../app.js";
import { byId, fill, h, icon } from "../dom.js";
import { date, dateTime, distance, listed, number, t } from "../i18n.js";
import { complain } from "../messages.js";
import { edit, mayEdit, scanLink } from "./editor.js";
import { choose, fit } from "./ground.js";
import { plan, query } from "./plan.js";
import { badge } from "./states.js";
import { flags, promise, standing } from "./words.js";

const [signal, again] = [latest(), latest()];

/** @param {string} code of a grid */
export async function openGrid(code) {
  const card = byId("grid-card");
  mark(code);
  try {
    const facts = await read(code, signal());
    draw(facts);
    card.hidden = false;
    const { area } = facts;
    app.main?.select(area.geometry);
    if (app.main) fit(bounds(area.geometry));
    card.focus();
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.grid"), error, () => void openGrid(code));
  }
}

/** Reads an open card again; a contract that is being drawn up in its place stays. */
export async function renewCard() {
  const code = plan.grid;
  const card = byId("grid-card");
  const open = () => code === plan.grid && !card.hidden && !card.querySelector("form");
  if (!code || !open()) return;
  try {
    const facts = await read(code, again());
    if (open()) draw(facts);
  } catch (error) {
    if (!isAbort(error)) complain(t("coverage.grid"), error, () => void renewCard());
  }
}

/** @param {string} code @param {AbortSignal} one */
async function read(code, one) {
  const [area, contracts, visits, cases] = await Promise.all([
    getJSON(`/api/areas/grid/${encodeURIComponent(code)}`, { geometry: true }, { signal: one }),
    getJSON("/api/contracts", { grid: code }, { signal: one }),
    getJSON("/api/coverage/visits", { ...query({ squad: "", officer: "" }), grid: code, limit: 8 }, { signal: one }),
    may("incident.read") ? getJSON("/api/incidents", { grid: code, open: true, limit: 6 }, { signal: one }) : { items: [] },
  ]);
  return { area, contracts: contracts.items, visits: visits.items, cases: cases.items };
}

/** @param {string} code of the grid whose rows in the list are marked; none: "" */
function mark(code) {
  plan.grid = code;
  for (const gap of document.querySelectorAll(".gap")) {
    gap.classList.toggle("chosen", /** @type {HTMLElement} */ (gap).dataset.grid === code);
  }
}

export function closeGrid() {
  signal();
  mark("");
  choose(null);
  byId("grid-card").hidden = true;
  app.main?.select(null);
}

/** @param {any} geometry @returns {number[]} */
function bounds(geometry) {
  const flat = geometry.coordinates.flat(geometry.type === "MultiPolygon" ? 2 : 1);
  const [x, y] = [0, 1].map((at) => flat.map((/** @type {number[]} */ point) => point[at]));
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

/** @param {{area: any, contracts: any[], visits: any[], cases: any[]}} facts */
function draw({ area, contracts, visits, cases }) {
  const own = plan.items.filter((item) => item.grid.code === area.code);
  fill(byId("grid-card"),
    h("header", {},
      h("div", {}, h("h2", { text: area.name }), h("p", { class: "note", text: [...LEVELS.slice(0, 2).map((level) => area.path[level]?.name), area.code].filter(Boolean).join(" › ") })),
      h("button", { type: "button", class: "quiet", id: "card-close", data: { focus: "close" }, "aria-label": t("message.close"), on: { click: closeGrid } }, icon("close"))),
    h("h3", { text: t("coverage.promises") }),
    own.map((item) => h("div", { class: "promise" },
      badge(item.state),
      h("div", {},
        h("b", { text: t(`coverage.state.${item.state}`) }), h("p", { text: standing(item) }),
        item.contract && h("p", { class: "note", text: `${item.officer_name} · ${promise(item)} · ${item.contract}` }),
        item.contract && terms(contracts.find((one) => one.code === item.contract)),
        item.contract && h("p", { class: "note", text: t("coverage.kept", { visits: number(item.visits), tracked: number(item.tracked_days ?? 0), days: number(plan.days) }) }),
        flags(item).map((text) => h("span", { class: "flag", text })),
        item.contract && editButton(t("coverage.edit.open"), { contract: contracts.find((one) => one.code === item.contract) })))),
    editButton(t("coverage.edit.new"), { grid: area.code }),
    h("h3", { text: t("coverage.lastVisits") }),
    visits.length ? h("table", {}, h("tbody", {}, visits.map((one) => h("tr", {},
      h("td", { text: dateTime(one.entered_at) }), h("td", { text: one.officer_name }),
      h("td", { text: t("coverage.minutes", { n: Math.round(one.stay_s / 60) }) }), h("td", { text: distance(one.length_m) })))))
      : h("p", { class: "note", text: t("coverage.noVisits") }),
    h("h3", { text: t("coverage.openCases") }),
    cases.length ? h("ul", { class: "cases" }, cases.map((one) => h("li", {},
      h("a", { href: `/dispatch#incident=${one.id}`, text: `${one.class.name} · ${one.code}` }),
      h("span", { class: "note", text: date(one.reported_at) }))))
      : h("p", { class: "note", text: t("coverage.noCases") }));
}

/** @param {string} text @param {{contract?: any, grid?: string}} what */
function editButton(text, what) {
  if (!mayEdit() || (!what.contract && !what.grid)) return null;
  return h("button", { type: "button", class: "button", text, data: { focus: `edit ${what.contract?.code ?? ""}` }, on: { click: async () => {
    try {
      const { items } = await getJSON("/api/officers");
      await edit({ ...what, officers: items }, closeGrid);
    } catch (error) {
      complain(t("coverage.edit.title"), error);
    }
  } } });
}

/** @param {any} contract its last version, where it was found */
function terms(contract) {
  if (!contract) return null;
  const members = listed(contract.members.map((/** @type {any} */ one) => one.name));
  return [
    h("p", { class: "note", text: t("coverage.terms", { from: contract.hours_from, to: contract.hours_to, until: contract.valid_to }) }),
    members && h("p", { class: "note", text: t("coverage.members", { names: members }) }),
    scanLink(contract),
  ];
}
