/** The morning meeting's sheet: a page of A4 for each squad, with its map and its exceptions. */

import { getJSON } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h } from "../dom.js";
import { date, dateTime, listed, number, pick, showDay, t } from "../i18n.js";
import { complain, dismiss, say } from "../messages.js";
import { closeGrid } from "./card.js";
import { fit } from "./ground.js";
import { plan, showOnly, tell } from "./plan.js";
import { badge, GAPS, STATES } from "./states.js";
import { promise, standing } from "./words.js";

// what fits on one page of A4 below the map
const ROWS = 22;
const OFFICER_ROWS = 34; // and without one

/**
 * @param {{code: string, name: string, streets: string[]}[]} squads those to print, a page each
 * @param {boolean} [each] a page for each officer with a contract as well
 */
export async function printSheets(squads, each = false) {
  closeGrid();
  if (plan.only) showOnly("");
  const pages = [];
  const button = byId("print");
  button.disabled = true;
  try {
    for (const squad of squads) {
      say(t("coverage.preparing", { n: pages.length + 1, of: squads.length }), { key: "print", seconds: 30 });
      pages.push(await sheet(squad));
      if (each) pages.push(...officersOf(squad));
    }
  } catch (error) {
    complain(t("coverage.print"), error);
    return;
  } finally {
    dismiss("print");
    button.disabled = false;
  }
  fill(byId("print-sheet"), pages);
  await Promise.allSettled([...byId("print-sheet").querySelectorAll("img")].map((image) => image.decode()));
  window.print();
}

/** @param {{code: string, name: string, streets: string[]}} squad */
async function sheet(squad) {
  const own = (/** @type {any} */ item) => (item.contract ? item.squad === squad.code : squad.streets.includes(item.street));
  const gaps = plan.gaps.filter(own);
  const items = plan.items.filter(own);
  const idle = plan.idle.filter((one) => one.squad === squad.code);
  const picture = await mapOf(squad);
  const { from, to } = plan.asked;
  return h("article", { class: "squad-sheet" },
    h("header", {}, h("h1", { text: `${squad.name} · ${t("coverage.title")}` }),
      h("span", { text: t("coverage.window", { from: showDay(from), to: showDay(to) }) }),
      app.district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
    h("div", { class: "squad-top" },
      picture && h("img", { src: picture, alt: t("coverage.mapLabel") }),
      h("table", {}, h("tbody", {}, STATES.map((state) => h("tr", {},
        h("td", {}, badge(state)), h("th", { scope: "row", text: t(`coverage.state.${state}`) }),
        h("td", { text: number(items.filter((item) => item.state === state).length) })))))),
    idle.length > 0 && h("p", { text: `${t("coverage.idle", { n: number(idle.length) })}：${listed(idle.map((one) => one.name))}` }),
    h("table", { class: "squad-gaps" },
      h("thead", {}, h("tr", {}, ["grid", "state", "officer", "promise", "lastVisitHead", "casesHead", "risk"].map((name) => h("th", { scope: "col", text: t(`coverage.${name}`) })))),
      h("tbody", {}, gaps.slice(0, ROWS).map((gap) => h("tr", {},
        h("td", { text: gap.grid.name || gap.grid.code }), h("td", {}, badge(gap.state), ` ${standing(gap)}`),
        h("td", { text: gap.officer_name ?? "—" }), h("td", { text: promise(gap) }),
        h("td", { text: gap.last_visit_at ? date(gap.last_visit_at) : "—" }), h("td", { text: `${number(gap.open_cases)} / ${number(gap.incidents)}` }),
        h("td", { text: number(gap.risk) }))))),
    gaps.length > ROWS && h("p", { text: t("coverage.moreRows", { n: number(gaps.length - ROWS) }) }),
    !gaps.length && h("p", { text: t("coverage.noGaps") }),
    h("footer", { text: [t("print.at", { when: dateTime(new Date()) }), pick(app.district.title),
      app.district.map_approval_number && t("footer.approval", { number: app.district.map_approval_number })].filter(Boolean).join(" · ") }));
}

/** A page for each officer of a squad: every promise and how it stands, the gravest first. @param {{code: string, name: string}} squad */
function officersOf(squad) {
  /** @type {Map<string, any[]>} */
  const people = new Map();
  for (const item of plan.items) if (item.officer && item.squad === squad.code) people.set(item.officer, [...(people.get(item.officer) ?? []), item]);
  const { from, to } = plan.asked;
  return [...people].sort(([one], [other]) => one.localeCompare(other)).map(([code, items]) => {
    items.sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || (b.overdue_days ?? 0) - (a.overdue_days ?? 0));
    return h("article", { class: "squad-sheet", data: { officer: code } },
      h("header", {}, h("h1", { text: `${items[0].officer_name} ${code} · ${squad.name}` }), h("span", { text: t("coverage.window", { from: showDay(from), to: showDay(to) }) }),
        app.district.illustrative && h("span", { class: "badge", text: t("badge.illustrative") })),
      h("p", { text: t("coverage.officerSummary", { gaps: number(items.filter((item) => GAPS.includes(item.state)).length), grids: number(items.length) }) }),
      h("table", { class: "squad-gaps" },
        h("thead", {}, h("tr", {}, ["grid", "state", "promise", "lastVisitHead"].map((name) => h("th", { scope: "col", text: t(`coverage.${name}`) })))),
        h("tbody", {}, items.slice(0, OFFICER_ROWS).map((item) => h("tr", {}, h("td", { text: item.grid.name || item.grid.code }), h("td", {}, badge(item.state), ` ${standing(item)}`),
          h("td", { text: promise(item) }), h("td", { text: item.last_visit_at ? date(item.last_visit_at) : "—" }))))),
      items.length > OFFICER_ROWS && h("p", { text: t("coverage.moreRows", { n: number(items.length - OFFICER_ROWS) }) }),
      h("footer", { text: [t("print.at", { when: dateTime(new Date()) }), pick(app.district.title)].join(" · ") }));
  });
}

/** The map of a squad's streets as a picture. @param {{streets: string[]}} squad @returns {Promise<string|null>} */
async function mapOf(squad) {
  if (!app.main) return null;
  const boxes = (await Promise.all(squad.streets.map((code) => getJSON(`/api/areas/street/${encodeURIComponent(code)}`)))).map((area) => area.bbox);
  if (!boxes.length) return null;
  const { map } = app.main;
  fit([0, 1, 2, 3].map((at) => (at < 2 ? Math.min : Math.max)(...boxes.map((box) => box[at]))), true);
  tell();
  // tiles that do not come must not keep the rest from paper
  await Promise.race([new Promise((done) => { map.once("idle", done); }), new Promise((done) => { setTimeout(done, 8000); })]);
  return app.main.picture();
}
