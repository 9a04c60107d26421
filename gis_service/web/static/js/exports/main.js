/** What can be taken home: every list, layer and figure of the account, in each format. */

import { getJSON } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { pick, setLanguage, t } from "../i18n.js";
import { complain } from "../messages.js";
import { formatLinks } from "./links.js";

/** @type {{items: any[], crs: number[], formats: string[]}} */
let offered = { items: [], crs: [], formats: [] };

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  const [district, found] = await Promise.all([getJSON("/api/district"), getJSON("/api/exports")]);
  offered = found;
  byId("district").textContent = pick(district.title);
  byId("illustrative").hidden = !district.illustrative;
  fill(byId("crs"), offered.crs.map((code) => h("option", { value: String(code), text: crsName(code) })));
  byId("crs").addEventListener("change", draw);
  byId("find").addEventListener("input", draw);
  draw();
  document.body.classList.add("ready");
}

/** @param {number} code */
const crsName = (code) => (
  code === 4326 ? `WGS84 (EPSG:${code})` : code === 4490 ? `CGCS2000 (EPSG:${code})` : t("exports.metres", { code })
);

function draw() {
  const words = /** @type {HTMLInputElement} */ (byId("find")).value.trim().toLowerCase();
  const crs = /** @type {HTMLSelectElement} */ (byId("crs")).value;
  const wanted = offered.items.filter((one) => [one.id, one.title.zh, one.title.en].some((text) => text.toLowerCase().includes(words)));
  const table = (/** @type {string} */ group) => {
    const rows = wanted.filter((one) => one.group === group);
    return rows.length > 0 && h("section", { class: "chart" }, h("h2", { text: t(`exports.${group}`) }),
      h("table", {}, h("tbody", {}, rows.map((one) => h("tr", {},
        h("td", { text: pick(one.title) }),
        h("td", {}, h("div", { class: "formats" }, formatLinks(one.path, { crs }, "button"))))))));
  };
  fill(byId("tables"), table("list"), table("layer"),
    !wanted.length && h("p", { class: "note", text: t("exports.none") }));
}

start().catch(complain);
