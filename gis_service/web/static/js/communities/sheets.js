/** Sheets of what communities have: to Excel, edited, and back. */

import { may } from "../account.js";
import { address } from "../api.js";
import { bring } from "../bringing.js";
import { byId, fill, h } from "../dom.js";
import { language, number, t } from "../i18n.js";
import { say } from "../messages.js";

/** @type {[string, string][]} each: path below /api, and the permission to take one in */
const SHEETS = [["posts", "post.manage"], ["stations", "station.manage"], ["party-branches", "party.manage"], ["party-members", "party.manage"]];

/** Checks the sheet in `#file`; takes it in once that was seen. @param {string} path @param {() => Promise<void>} reload */
export const bringRows = (path, reload) => void bring(true, {
  path: `${path}/import`,
  words: { import: "com.import", apply: "com.apply", leave: "com.cancel" },
  would: (found) => [
    h("h2", { text: t("com.wouldChange", { loaded: number(found.loaded), changed: number(found.changed), already: number(found.already) }) }),
    found.notes.length > 0 && h("ul", {}, found.notes.map((/** @type {any} */ one) => h("li", { class: "note", text: one.message }))),
    found.unknown_columns.length > 0 && h("p", { class: "note", text: t("com.unknownColumns", { names: found.unknown_columns.join(t("com.and")) }) }),
  ],
  any: (found) => found.loaded > 0,
  done: async (found) => {
    say(t("com.imported", { loaded: found.loaded, changed: found.changed, already: found.already }), { seconds: 8 });
    await reload();
  },
});

/** Draws the choice of a sheet with its ways out and in. @param {HTMLElement} box @param {() => Promise<void>} reload */
export function drawSheets(box, reload) {
  const way = h("span", { class: "sheet-ways" });
  const select = h("select", { class: "field", id: "sheet", on: { change: () => draw() } }, SHEETS.map(([name]) => h("option", { value: name, text: t(`com.sheet.${name}`) })));
  function draw() {
    const [name, permission] = SHEETS.find(([one]) => one === select.value) ?? SHEETS[0];
    const out = (/** @type {string} */ path) => address(path, { format: "xlsx", lang: language() });
    fill(way,
      h("a", { class: "button", id: "sheet-out", href: out(`/api/${name}`), download: "", text: t("com.export") }),
      name === "party-members" && may("personal.read") && h("a", { class: "button", id: "sheet-names", href: out("/api/party-members/names"), download: "", text: t("com.exportNames") }),
      may(permission) && h("label", { class: "button" }, t("com.import"), h("input", { type: "file", id: "file", class: "visually-hidden", accept: ".xlsx,.csv", on: { change: () => bringRows(`/api/${name}`, reload) } })));
    byId("brought").hidden = true;
  }
  fill(box, h("label", {}, t("com.sheetLabel"), " ", select), way);
  draw();
}
