/** Choosing a class on a phone: first the group, then the class. */

import { fill, h } from "./dom.js";
import { language } from "./i18n.js";

/** @param {any} item */
const nameOf = (item) => (language() === "en" && item.name_en ? item.name_en : item.name);
/** @param {any} item */
const groupOf = (item) => (language() === "en" && item.major_name_en) || item.major_name || item.major;

/** @param {any[]} classes as /api/classes lists them */
export function classPicker(classes) {
  // of several versions of the scheme the newest offers what can be chosen
  const scheme = classes.map((item) => item.scheme).sort().at(-1);
  /** @type {Map<string, any[]>} */
  const groups = new Map();
  for (const item of classes.filter((one) => one.scheme === scheme)) {
    const key = `${item.kind}/${item.major}`;
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  let group = "";
  let code = "";
  const majors = h("div", { class: "kinds" });
  const list = h("div", { class: "kind-list" });

  function draw() {
    fill(majors, [...groups].map(([key, items]) => h("button", {
      type: "button", "aria-pressed": String(key === group), text: groupOf(items[0]), data: { group: key },
      on: { click: () => { group = key; code = items.length === 1 ? items[0].code : ""; draw(); list.scrollIntoView({ block: "nearest" }); } },
    })));
    fill(list, (groups.get(group) ?? []).map((item) => h("button", {
      type: "button", "aria-pressed": String(item.code === code), text: nameOf(item), data: { class: item.code },
      on: { click: () => { code = item.code; draw(); } },
    })));
  }
  draw();
  return {
    element: h("div", { class: "stack" }, majors, list),
    read: () => code,
    name: () => { const found = classes.find((item) => item.code === code); return found ? nameOf(found) : ""; },
    /** @param {string} wanted code of a class */
    choose: (wanted) => {
      const found = classes.find((item) => item.code === wanted);
      code = found ? wanted : "";
      group = found ? `${found.kind}/${found.major}` : "";
      draw();
    },
    clear: () => { group = code = ""; draw(); },
  };
}
