/** Drafts and what waits to be sent. */

import { fill, h, icon } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { drafts, drop, flush, keep, onOutbox } from "./outbox.js";

/** @param {HTMLElement} box @param {(draft: import("./outbox.js").Draft) => void} edit */
export function startWaiting(box, edit) {
  async function draw() {
    const all = await drafts();
    fill(box, !all.length && h("div", { class: "tile" }, h("p", { class: "note", text: t("field.nothingWaits") })),
      all.map((draft) => h("div", { class: `tile draft ${draft.state}`, data: { key: draft.key } },
        h("div", { class: "state-line" }, h("b", { text: draft.what || t("field.noKind") }), h("span", { class: "tag", text: t(`field.state.${draft.state}`) })),
        h("p", { class: "note", text: [dateTime(draft.made_at), draft.where, draft.photos.length && t("field.photos", { n: draft.photos.length })].filter(Boolean).join(" · ") }),
        draft.body.description && h("p", { text: draft.body.description }),
        draft.why && h("p", { class: draft.state === "refused" ? "problem" : "note", text: draft.why }),
        h("div", { class: "mine" },
          draft.state === "waiting" && h("button", { type: "button", class: "button", text: t("field.tryNow"), on: { click: () => void flush() } }),
          draft.state !== "waiting" && h("button", { type: "button", class: "button", text: t("field.edit"), on: { click: () => edit(draft) } }),
          draft.state === "refused" && h("button", { type: "button", class: "button", text: t("field.tryNow"), on: { click: async () => { await keep({ ...draft, state: "waiting" }); void flush(); } } }),
          h("button", { type: "button", class: "button", on: { click: () => { if (confirm(t("field.dropSure"))) void drop(draft.key); } } }, icon("close"), t("field.drop"))))));
  }
  onOutbox(() => void draw());
  void draw();
}
