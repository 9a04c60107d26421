/** A resident's report: what, where, in words and photos; sent once, whatever the network does. */

import { ApiError, getJSON, send } from "../api.js";
import { fill, h } from "../dom.js";
import { language, t } from "../i18n.js";
import { classPicker } from "../kinds.js";
import { photoPicker } from "../pictures.js";
import { mapAllowed, whereField } from "../where.js";
import { keepCode } from "./mine.js";

const PHOTOS = 3;

/** @param {HTMLElement} box @param {(code: string) => void} follow */
export async function startReport(box, follow) {
  const { items } = await getJSON("/api/classes");
  draw(box, items, follow);
}

/** @param {HTMLElement} box @param {any[]} classes @param {(code: string) => void} follow */
function draw(box, classes, follow) {
  // one key for as long as the form says the same: a lost answer does not make a second case
  let key = crypto.randomUUID?.() ?? String(Math.random()).slice(2) + Date.now();
  const kind = classPicker(classes);
  const where = whereField({ map: mapAllowed() });
  const words = h("textarea", { class: "field", name: "description", maxLength: 4000, placeholder: t("public.wordsHint") });
  const photos = photoPicker(PHOTOS);
  const name = h("input", { class: "field", name: "name", maxLength: 200, autocomplete: "name" });
  const phone = h("input", { class: "field", name: "phone", maxLength: 200, inputMode: "tel", autocomplete: "tel" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary", text: t("public.send") });

  /** @param {string} text */
  const refuse = (text) => { problem.textContent = text; problem.hidden = !text; if (text) problem.scrollIntoView({ block: "center" }); };

  /** @param {Event} event */
  async function take(event) {
    event.preventDefault();
    refuse("");
    const position = where.read();
    if (!kind.read()) { refuse(t("public.needKind")); return; }
    if (!position && !where.address()) { refuse(t("public.needPlace")); return; }
    if (!words.value.trim() && !photos.read().length) { refuse(t("public.needWords")); return; }
    const form = new FormData();
    form.append("class", kind.read());
    form.append("description", words.value.trim());
    form.append("address", where.address());
    if (position) for (const [field, value] of Object.entries(position)) form.append(field, String(value));
    form.append("name", name.value.trim());
    form.append("phone", phone.value.trim());
    for (const file of photos.read()) form.append("photos", file, file.name);
    submit.disabled = true;
    submit.textContent = t("public.sending");
    try {
      const taken = await send("POST", "/api/public/reports", form, { headers: { "Idempotency-Key": key } });
      keepCode(taken.follow_code);
      done(taken);
    } catch (error) {
      const again = error instanceof ApiError && error.status === 0;
      refuse(/** @type {Error} */ (error).message + (again ? ` ${t("public.sendAgain")}` : ""));
      if (!again) key = crypto.randomUUID?.() ?? key + "1";
    } finally {
      submit.disabled = false;
      submit.textContent = t("public.send");
    }
  }

  /** @param {any} taken */
  function done(taken) {
    fill(box, h("div", { class: "tile done" },
      h("h2", { text: t("public.thanks") }),
      h("p", { text: t("public.keepCode") }),
      h("p", { class: "big-code", text: taken.follow_code }),
      h("p", { class: "note", text: t("public.caseNumber", { code: taken.code }) }),
      !taken.placed && h("p", { class: "note", text: t("public.unplaced") }),
      h("button", { type: "button", class: "button primary", text: t("public.seeProgress"), on: { click: () => { draw(box, classes, follow); follow(taken.follow_code); } } }),
      h("button", { type: "button", class: "button", text: t("public.another"), on: { click: () => draw(box, classes, follow) } })));
    box.scrollIntoView({ block: "start" });
  }

  /** @param {string} label @param {any} content @param {string} [note] */
  const tile = (label, content, note) => h("div", { class: "tile" }, h("h2", { text: label }), note && h("p", { class: "note", text: note }), content);
  fill(box, h("form", { class: "stack", noValidate: true, lang: language(), on: { submit: take } },
    tile(t("public.what"), kind.element),
    tile(t("public.where"), where.element),
    tile(t("public.words"), [words, photos.element], t("public.photosHint", { n: PHOTOS })),
    tile(t("public.who"), h("div", { class: "two" },
      h("label", {}, h("span", { class: "note", text: t("dispatch.field.person") }), name),
      h("label", {}, h("span", { class: "note", text: t("dispatch.field.phone") }), phone)), t("public.whoHint")),
    problem, submit));
}
