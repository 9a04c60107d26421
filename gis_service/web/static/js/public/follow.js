/** How far a report is, by its code. */

import { getJSON, send } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { dateTime, language, t } from "../i18n.js";
import { codes, keepCode } from "./mine.js";

/** what is still ahead of a report that goes the usual way */
const WAY = ["reported", "verified", "filed", "dispatched", "accepted", "resolved", "closed"];

/** @param {any} named */
const nameOf = (named) => (language() === "en" && named.name_en ? named.name_en : named.name);

/** @param {HTMLElement} box @returns {(code: string) => Promise<void>} shows a report */
export function startFollow(box) {
  const input = h("input", { class: "field", name: "code", maxLength: 20, autocomplete: "off", autocapitalize: "characters", spellcheck: false, placeholder: t("public.codeHint"), "aria-label": t("public.codeHint") });
  const found = h("div", { "aria-live": "polite" });
  const mine = h("div", { class: "mine" });

  const drawMine = () => fill(mine, codes().length > 0 && h("span", { class: "note", text: t("public.mine") }),
    codes().map((code) => h("button", { type: "button", class: "button", text: code, on: { click: () => void follow(code) } })));

  /** @param {string} code */
  async function follow(code) {
    input.value = code.trim().toUpperCase();
    if (!input.value) return;
    fill(found, h("p", { class: "note", text: t("drawer.loading") }));
    try {
      draw(await getJSON(`/api/public/reports/${encodeURIComponent(input.value)}`), input.value);
      keepCode(input.value);
      drawMine();
    } catch (error) {
      fill(found, h("p", { class: "problem", role: "alert", text: /** @type {Error} */ (error).message }));
    }
  }

  /** @param {any} told @param {string} code */
  function draw(told, code) {
    const reached = new Map(told.steps.map((/** @type {any} */ one) => [one.step, one.at]));
    // a stage that was passed over (a patrol's report needs no verification) is not "ahead"
    const last = Math.max(...told.steps.map((/** @type {any} */ one) => WAY.indexOf(one.step)));
    const shown = WAY.filter((step, at) => reached.has(step) || (!told.ended && at > last));
    fill(found, h("div", { class: "tile" },
      h("div", { class: "state-line" }, h("b", { text: t(`state.${told.state}`) }), h("span", { text: nameOf(told.class) })),
      h("p", { class: "note", text: [told.code, told.street && nameOf(told.street), told.community && nameOf(told.community)].filter(Boolean).join(" · ") }),
      told.merged && h("p", { class: "note", text: t("public.merged") }),
      told.unit && h("p", { text: t("public.unit", { unit: nameOf(told.unit) }) }),
      told.description && h("p", { class: "note", text: `“${told.description}”` }),
      h("ol", { class: "steps" }, shown.map((step) => h("li", { class: reached.has(step) ? "" : "ahead" },
        h("span", { text: t(`public.step.${step}`) }),
        reached.has(step) ? h("time", { dateTime: reached.get(step), text: dateTime(/** @type {string} */ (reached.get(step))) }) : h("span", { class: "note", text: ` ${t("public.ahead")}` })))),
      told.reply && h("div", {}, h("h3", { text: t("public.reply") }), h("p", { class: "reply", text: told.reply })),
      told.photos.length > 0 && h("div", {}, h("h3", { text: t("public.result") }), h("ul", { class: "thumbs" },
        told.photos.map((/** @type {any} */ photo) => h("li", {}, h("a", { href: `/api/public/reports/${code}/photos/${photo.id}`, target: "_blank", rel: "noopener" },
          h("img", { src: `/api/public/reports/${code}/photos/${photo.id}?size=thumb`, alt: t("public.result") })))))),
      told.may_rate && rating(code),
      told.rating !== null && h("p", { text: t("public.rated", { stars: "★".repeat(told.rating) + "☆".repeat(5 - told.rating) }) })));
  }

  /** @param {string} code */
  function rating(code) {
    let stars = 0;
    const words = h("input", { class: "field", maxLength: 500, placeholder: t("public.rateWords"), "aria-label": t("public.rateWords") });
    const note = h("p", { class: "problem", hidden: true, role: "alert" });
    const give = h("button", { type: "button", class: "button", disabled: true, text: t("public.rateSend"), on: { click: () => void sendRating() } });
    const buttons = [1, 2, 3, 4, 5].map((n) => h("button", {
      type: "button", text: "★", "aria-pressed": "false", "aria-label": t("public.stars", { n }), on: { click: () => {
        stars = n;
        give.disabled = false;
        buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at < n)));
      } },
    }));
    async function sendRating() {
      give.disabled = true;
      try {
        draw(await send("POST", `/api/public/reports/${code}/rating`, { rating: stars, words: words.value.trim() || null }), code);
      } catch (error) {
        note.textContent = /** @type {Error} */ (error).message;
        note.hidden = false;
        give.disabled = false;
      }
    }
    return h("div", {}, h("h3", { text: t("public.rate") }), h("div", { class: "stars", role: "group", "aria-label": t("public.rate") }, buttons), words, note, give);
  }

  fill(box, h("form", { class: "tile", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void follow(input.value); } } },
    h("h2", { text: t("public.tab.follow") }),
    h("div", { class: "where" }, input, h("button", { class: "button" }, icon("search"), t("public.look"))), mine), found);
  drawMine();
  return follow;
}
