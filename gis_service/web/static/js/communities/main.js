/** All communities at a glance: what each has, lacks and does. */

import { address, getJSON } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { number, percent, t } from "../i18n.js";
import { complain } from "../messages.js";
import { drawSheets } from "./sheets.js";
import { begin, card, counted, nameOf, shareText, showDistrict } from "./words.js";

/** @type {{items: any[], days: number, walking_m: number, minimum: number, roster: any}} */
let all = { items: [], days: 90, walking_m: 0, minimum: 0, roster: {} };
let order = "community";
let down = false;

/** @type {Record<string, (one: any) => string|number>} what a column is sorted by */
const KEYS = {
  community: (one) => one.community.code,
  post: (one) => ({ none: 0, vacant: 1, staffed: 2 }[/** @type {"none"} */ (one.post.state)] * 10 - one.post.gaps.length),
  stations: (one) => one.stations,
  activities: (one) => one.activities.done,
  households: (one) => one.activities.households ?? -1,
  orders: (one) => one.orders.open,
  opinions: (one) => one.opinions.count - one.opinions.answered,
  members: (one) => one.members,
  satisfaction: (one) => one.satisfaction?.share?.value ?? -1,
  reach: (one) => one.reach?.share ?? -1,
};

async function start() {
  await begin();
  showDistrict();
  await load();
  const streets = new Map(all.items.map((one) => [one.street?.code ?? "", nameOf(one.street)]));
  fill(byId("street"), h("option", { value: "", text: t("com.allStreets") }), [...streets].map(([value, text]) => h("option", { value, text })));
  byId("street").addEventListener("change", draw);
  byId("gaps").addEventListener("change", draw);
  drawSheets(byId("sheets"), async () => { await load(); draw(); });
  draw();
  document.body.classList.add("ready");
}

async function load() {
  all = await getJSON("/api/communities");
}

function draw() {
  const street = byId("street").value;
  const lacking = byId("gaps").checked;
  const items = all.items.filter((one) => (!street || one.street?.code === street) && (!lacking || one.post.gaps.length > 0));
  cards(all.items.filter((one) => !street || one.street?.code === street));
  byId("table-title").textContent = t("com.list");
  byId("table-note").textContent = t("com.shown", { n: items.length, of: all.items.length, days: all.days });
  for (const format of ["csv", "xlsx"]) byId(format).href = address("/api/communities", { street, format, lang: document.documentElement.dataset.lang });
  items.sort((a, b) => {
    const [left, right] = [KEYS[order](a), KEYS[order](b)];
    return (left < right ? -1 : left > right ? 1 : a.community.code < b.community.code ? -1 : 1) * (down ? -1 : 1);
  });
  fill(byId("table"),
    h("thead", {}, h("tr", {}, Object.keys(KEYS).map((name) => h("th", { scope: "col", "aria-sort": order === name ? (down ? "descending" : "ascending") : null },
      h("button", { type: "button", text: t(`com.col.${name}`), title: name === "reach" ? t("com.reachNote", { m: all.walking_m }) : null, on: { click: () => { down = order === name ? !down : name !== "community" && name !== "post"; order = name; draw(); } } }))))),
    h("tbody", {}, items.map(row)));
}

/** @param {any} one */
function row(one) {
  const told = shareText(one.satisfaction);
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { class: "link", href: `/communities/${encodeURIComponent(one.community.code)}`, text: nameOf(one.community) }), h("small", { text: nameOf(one.street) })),
    h("td", { class: "left" }, h("span", { class: `post-state ${one.post.state}`, text: t(`com.state.${one.post.state}`) }), one.post.state === "staffed" && ` ${one.post.contact}`,
      one.post.gaps.filter((/** @type {string} */ gap) => !["no_post", "vacant"].includes(gap)).length > 0 && h("small", { class: "gap-list", text: one.post.gaps.filter((/** @type {string} */ gap) => !["no_post", "vacant"].includes(gap)).map((/** @type {string} */ gap) => t(`com.gap.${gap}`)).join(t("com.and")) })),
    h("td", { text: one.stations ? number(one.stations) : "—" }),
    h("td", {}, number(one.activities.done), h("small", { text: t("com.kindsOf", { n: one.activities.kinds }) })),
    h("td", {}, counted(one.activities.households), one.activities.households !== null && h("small", { text: t("com.recordedIn", { n: one.activities.households_of, of: one.activities.done }) })),
    h("td", {}, `${number(one.orders.open)} / ${number(one.orders.count)}`),
    h("td", {}, `${number(one.opinions.answered)} / ${number(one.opinions.count)}`),
    h("td", {}, number(one.members), h("small", { text: t("com.branchesHere", { n: one.branches }) })),
    h("td", { class: one.satisfaction?.share ? null : "few" }, told.main, h("small", { text: told.small })),
    h("td", {}, one.reach?.share === null || !one.reach ? "—" : percent(one.reach.share), one.reach && h("small", { text: `${number(one.reach.covered)} / ${number(one.reach.buildings)}` })));
}

/** @param {any[]} items */
function cards(items) {
  const count = (/** @type {(one: any) => boolean} */ test) => items.filter(test).length;
  const sum = (/** @type {(one: any) => number} */ value) => items.reduce((total, one) => total + value(one), 0);
  const buildings = sum((one) => one.reach?.buildings ?? 0);
  const covered = sum((one) => one.reach?.covered ?? 0);
  fill(byId("cards"),
    card(t("com.state.staffed"), `${number(count((one) => one.post.state === "staffed"))} / ${number(items.length)}`, t("com.cardPosts", { vacant: count((one) => one.post.state === "vacant"), none: count((one) => one.post.state === "none") })),
    card(t("com.complete"), `${number(count((one) => one.post.gaps.length === 0))} / ${number(items.length)}`, t("com.completeNote")),
    card(t("com.col.stations"), number(sum((one) => one.stations)), buildings ? t("com.cardReach", { share: percent(covered / buildings), m: all.walking_m }) : ""),
    card(t("com.cardActivities", { days: all.days }), number(sum((one) => one.activities.done)), t("com.cardWithout", { n: count((one) => one.activities.done === 0) })),
    card(t("com.cardOpinions", { days: all.days }), `${number(sum((one) => one.opinions.answered))} / ${number(sum((one) => one.opinions.count))}`, t("com.answered")),
    h("a", { class: "card", href: "/lists?of=branches" }, h("span", { text: t("com.lists.branches") }), h("b", { text: `${number(all.roster.branches_registered)} / ${number(all.roster.branches)}` }),
      h("small", { text: t("com.cardRoster", { n: number(all.roster.members_registered), of: number(all.roster.members) }) })),
    card(t("com.col.satisfaction"), `${number(count((one) => Boolean(one.satisfaction?.share)))} / ${number(items.length)}`, t("com.enoughNote", { minimum: all.minimum })));
}

start().catch((error) => complain(t("com.title"), error, () => location.reload()));
