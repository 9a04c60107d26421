/** Results of surveys in one community, each with its sample and interval. */

import { may } from "../account.js";
import { getJSON } from "../api.js";
import { fill, h } from "../dom.js";
import { language, number, percent, showDay, t } from "../i18n.js";

/** @param {HTMLElement} box @param {{code: string}} place */
export async function drawSurveys(box, place) {
  const { items } = await getJSON("/api/survey-rounds");
  const results = await Promise.all(items.slice(0, 6).map((/** @type {any} */ one) => getJSON(`/api/survey-rounds/${encodeURIComponent(one.code)}/results`, { community: place.code })));
  fill(box, results.length ? results.map((one) => roundBox(one, place)) : h("p", { class: "note", text: t("com.none") }));
}

/** @param {any} told @param {any} place */
function roundBox(told, place) {
  const { round } = told;
  const own = told.communities[0];
  const called = (/** @type {any} */ one) => (language() === "en" && one.text_en) || one.text;
  return h("section", { class: "panel-box", data: { round: round.code } },
    h("div", { class: "table-head" }, h("h2", { text: (language() === "en" && round.name_en) || round.name }),
      h("span", { class: "note", text: [t(`com.round.${round.state}`), `${showDay(round.opens_on)} – ${showDay(round.closes_on)}`, t("com.responses", { n: own?.responses ?? 0, qr: own?.by_qr ?? 0 })].join(" · ") }),
      round.state === "open" && may("survey.enter") && h("a", { class: "button", href: `/survey/${encodeURIComponent(round.code)}?community=${encodeURIComponent(place.code)}`, text: t("com.enter") }),
      round.state === "open" && round.public && h("a", { class: "button", target: "_blank", rel: "noopener", href: `/api/public/communities/${encodeURIComponent(place.code)}/qr.svg?round=${encodeURIComponent(round.code)}`, text: t("com.qr") })),
    own && !own.enough && h("p", { class: "gap-note", text: t("com.tooFewOf", { n: own.responses, minimum: told.minimum }) }),
    own && own.questions.filter((/** @type {any} */ one) => one.type !== "text").map((/** @type {any} */ question) => h("div", {},
      h("h3", { text: called(question) }),
      question.type === "scale" ? [interval(t("com.satisfied"), question.satisfied, question.satisfied_share, question.answers),
        question.mean && h("p", { class: "note", text: question.mean.low === null ? t("com.mean", { value: number(question.mean.value, 2) }) : t("com.meanInterval", { value: number(question.mean.value, 2), low: number(question.mean.low, 2), high: number(question.mean.high, 2) }) })]
        : question.type === "quiz" ? interval(t("com.right"), question.right, question.right_share, question.answers)
          : question.type === "yes_no" ? interval(t("com.yes"), question.satisfied, question.satisfied_share, question.answers)
            : question.counts.map((/** @type {any} */ one) => interval(called(one), one.count, one.share, question.answers)))));
}

/**
 * A bar with its 95 % interval; below the minimum sample only the count.
 * @param {string} label @param {number} count @param {{value: number, low: number, high: number}|null} share @param {number} of
 */
function interval(label, count, share, of) {
  if (!share) return h("div", { class: "interval" }, h("span", { text: label }), h("span", { class: "few", text: `${number(count)} / ${number(of)} · ${t("com.tooFew")}` }));
  const at = (/** @type {number} */ value) => `${(100 * value).toFixed(1)}%`;
  return h("div", { class: "interval" }, h("span", { text: label }),
    h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "bar", css: { width: at(share.value) } }), h("span", { class: "span", css: { left: at(share.low), width: at(share.high - share.low) } })),
    h("span", {}, h("b", { text: percent(share.value) }), ` ${t("com.interval", { low: percent(share.low), high: percent(share.high), n: of })}`));
}
