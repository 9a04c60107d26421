/** The list behind a figure: exactly the rows that were counted, in a dialogue, page by page. */

import { address, getJSON } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { dateTime, number, pick, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { basis, written } from "./words.js";

/** @type {[string, (row: any) => any][]} */
const COLUMNS = [
  ["code", (row) => (row.href ? h("a", { href: row.href, target: "_blank", rel: "noopener", text: row.code }) : row.code)],
  ["name", (row) => row.name],
  ["at", (row) => (row.at === null ? "—" : row.at.length > 10 ? dateTime(row.at) : showDay(row.at))],
  ["counted", (row) => (row.counted === null ? "—" : t(row.counted ? "planning.behind.yes" : "planning.behind.no"))],
  ["value", (row) => (row.value === null ? "—" : number(row.value, 1))],
  ["note", (row) => pick(row.note)],
];

/** The link of a figure to what stands behind it.
 * @param {import("./plan.js").Indicator} one @param {{code: string}} community @param {any} table of the period */
export function behindLink(one, community, table) {
  const asked = { indicator: one.id, community: community.code, from: table.since, to: table.until };
  return (/** @type {string} */ words) => h("a", {
    href: address("/api/planning/behind", asked), title: t("planning.list"), text: words,
    on: { click: (/** @type {any} */ event) => { event.preventDefault(); void open(asked); } },
  });
}

/** @param {any} asked */
async function open(asked) {
  try {
    draw(asked, await getJSON("/api/planning/behind", asked));
  } catch (error) {
    complain(t("planning.list"), error);
  }
}

/** @param {any} asked @param {any} found */
function draw(asked, found) {
  const { indicator, cell } = found;
  // a column that says nothing of these rows is left out
  const columns = COLUMNS.filter(([name]) => ["code", "name"].includes(name) || found.items.some((/** @type {any} */ row) => row[name] !== null));
  const line = (/** @type {any} */ row) => h("tr", { class: row.counted === false ? "not-counted" : "" }, columns.map(([, told]) => h("td", {}, told(row))));
  const body = h("tbody", {}, found.items.map(line));
  const more = h("button", { type: "button", class: "button", id: "behind-more", hidden: found.next === null, text: t("planning.behind.more") });
  more.addEventListener("click", async () => {
    try {
      found = await getJSON("/api/planning/behind", { ...asked, cursor: found.next });
      body.append(...found.items.map(line));
      more.hidden = found.next === null;
    } catch (error) {
      complain(t("planning.list"), error);
    }
  });
  const dialog = byId("behind");
  fill(dialog,
    h("header", {}, h("h2", { text: `${found.community.name} · ${pick(indicator.title)}` }), h("span", { class: "grow" }),
      ["xlsx", "csv"].map((format) => h("a", { class: "button", href: address("/api/planning/behind", { ...asked, format }), download: true, text: format.toUpperCase() })),
      h("button", { type: "button", class: "quiet", "aria-label": t("planning.behind.close"), text: "✕", on: { click: () => dialog.close() } })),
    h("p", {}, h("b", { text: written(indicator, cell) }), ` ${basis(indicator, cell)}`),
    h("p", { class: "note", text: `${pick(indicator.of)} · ${t("coverage.window", { from: showDay(found.since.slice(0, 10)), to: showDay(found.until.slice(0, 10)) })}` }),
    h("p", { class: "note", id: "behind-count", text: [
      t("planning.behind.rows", { n: found.rows, is: t(`planning.behind.is.${found.is}`) }),
      found.hits !== null && t("planning.behind.hits", { n: found.hits }),
      found.hidden > 0 && t("planning.behind.hidden", { n: found.hidden }),
    ].filter(Boolean).join(" · ") }),
    h("table", {}, h("thead", {}, h("tr", {}, columns.map(([name]) => h("th", { scope: "col", text: t(`planning.behind.${name}`) })))), body),
    more);
  if (!dialog.open) dialog.showModal();
}
