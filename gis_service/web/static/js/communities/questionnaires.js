/** Surveys: questionnaires built from a few types of questions, their rounds, results by community. */

import { may } from "../account.js";
import { address, getJSON, send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { isoDay, addDays, language, number, percent, showDay, t } from "../i18n.js";
import { complain } from "../messages.js";
import { openForm } from "./forms.js";
import { begin, nameOf, option, showDistrict, words } from "./words.js";

const TYPES = ["single", "multiple", "scale", "yes_no", "text", "quiz"];
const CHOSEN = ["single", "multiple", "quiz"];
const said = (/** @type {any} */ one, /** @type {string} */ name) => (language() === "en" && one[`${name}_en`]) || one[name];

async function start() {
  await begin();
  showDistrict();
  await load();
  document.body.classList.add("ready");
}

async function load() {
  const [surveys, rounds] = await Promise.all([getJSON("/api/surveys"), getJSON("/api/survey-rounds")]);
  fill(byId("content"),
    h("section", { class: "panel-box" },
      h("div", { class: "table-head" }, h("h2", { text: t("com.questionnaires") }), h("span", { class: "note" }),
        may("survey.manage") && h("button", { type: "button", class: "button primary", id: "add-survey", text: t("com.addSurvey"), on: { click: () => edit(null) } })),
      h("ul", { class: "rows" }, surveys.items.map(surveyRow))),
    h("section", { class: "panel-box" }, h("h2", { text: t("com.rounds") }), h("ul", { class: "rows" }, rounds.items.map(roundRow))));
}

/** @param {any} one */
function surveyRow(one) {
  return h("li", { data: { survey: one.code } },
    h("span", {}, h("b", { text: said(one, "title") }), " ", h("span", { class: "tag", text: nameOf(one.kind) }), " ", h("span", { class: `tag ${one.state === "released" ? "done" : "open"}`, text: t(`com.surveyState.${one.state}`) })),
    h("span", { class: "acts" }, may("survey.manage") && [
      h("button", { type: "button", class: "button", text: t("com.edit"), on: { click: () => edit(one) } }),
      one.state === "released" && h("button", { type: "button", class: "button", text: t("com.addRound"), on: { click: () => addRound(one) } })]),
    h("small", { class: "full", text: [one.code, t("com.versionOf", { n: one.version }), t("com.questionCount", { n: one.questions.length }), one.named && t("com.named")].filter(Boolean).join(" · ") }));
}

/** @param {any} one */
function roundRow(one) {
  const box = h("div", { class: "full" });
  return h("li", { data: { round: one.code } },
    h("span", {}, h("b", { text: said(one, "name") }), " ", h("span", { class: `tag ${one.state === "open" ? "done" : ""}`, text: t(`com.round.${one.state}`) })),
    h("span", { class: "acts" },
      h("button", { type: "button", class: "button", text: t("com.surveyResults"), on: { click: () => void results(one, box) } }),
      h("a", { class: "button", download: "", href: address(`/api/survey-rounds/${encodeURIComponent(one.code)}/results`, { format: "xlsx", lang: document.documentElement.dataset.lang }), text: "Excel" }),
      one.state === "open" && may("survey.enter") && h("a", { class: "button", href: `/survey/${encodeURIComponent(one.code)}`, text: t("com.enter") }),
      may("survey.manage") && h("button", { type: "button", class: "button", text: t("com.edit"), on: { click: () => changeRound(one) } })),
    h("small", { class: "full", text: [said(one, "title"), t("com.versionOf", { n: one.version }), `${showDay(one.opens_on)} – ${showDay(one.closes_on)}`, t("com.roundAnswers", { n: one.responses, communities: one.communities }), one.public ? t("com.byQr") : t("com.byStaff")].join(" · ") }), box);
}

/** @param {any} round @param {HTMLElement} box */
async function results(round, box) {
  if (box.childNodes.length) { fill(box); return; }
  try {
    const told = await getJSON(`/api/survey-rounds/${encodeURIComponent(round.code)}/results`);
    const shown = told.all.questions.filter((/** @type {any} */ one) => one.type !== "text" && !["single", "multiple"].includes(one.type));
    const share = (/** @type {any} */ one) => (one.type === "quiz" ? one.right_share : one.satisfied_share);
    const cell = (/** @type {any} */ one) => h("td", { class: share(one) ? null : "few" }, share(one) ? percent(share(one).value) : t("com.tooFew"), h("small", { text: share(one) ? t("com.interval", { low: percent(share(one).low), high: percent(share(one).high), n: one.answers }) : `${number(one.answers)}` }));
    const line = (/** @type {string} */ name, /** @type {any} */ part) => h("tr", {}, h("th", { scope: "row", text: name }), h("td", { text: number(part.responses) }), part.questions.filter((/** @type {any} */ one) => shown.some((/** @type {any} */ other) => other.key === one.key)).map(cell));
    fill(box, h("p", { class: "note", text: t("com.resultsNote", { minimum: told.minimum, n: told.enough, of: told.communities.length }) }), h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { text: t("level.community") })), h("th", { scope: "col", text: t("com.answersHead") }), shown.map((/** @type {any} */ one) => h("th", { scope: "col", text: said(one, "text") })))),
      h("tbody", {}, line(t("com.all"), told.all), told.communities.map((/** @type {any} */ one) => line(nameOf(one.community), one))))));
  } catch (error) {
    complain(t("com.surveyResults"), error);
  }
}

/** @param {any} survey */
function addRound(survey) {
  const today = isoDay(new Date());
  openForm(t("com.addRound"), [
    { name: "code", label: t("com.code"), required: true },
    { name: "name", label: t("com.name"), required: true },
    { name: "opens_on", label: t("com.opensOn"), kind: "date", required: true },
    { name: "closes_on", label: t("com.closesOn"), kind: "date", required: true },
    { name: "public", label: "", kind: "check", hint: t("com.byQr"), wide: true },
  ], { opens_on: today, closes_on: addDays(today, 14), public: true }, async (values) => {
    await send("POST", `/api/surveys/${encodeURIComponent(survey.code)}/rounds`, values);
    await load();
  });
}

/** @param {any} round */
function changeRound(round) {
  openForm(t("com.edit"), [
    { name: "name", label: t("com.name"), required: true },
    { name: "opens_on", label: t("com.opensOn"), kind: "date", required: true },
    { name: "closes_on", label: t("com.closesOn"), kind: "date", required: true },
    { name: "public", label: "", kind: "check", hint: t("com.byQr"), wide: true },
  ], round, async (values) => {
    await send("PUT", `/api/survey-rounds/${encodeURIComponent(round.code)}`, { ...values, name_en: round.name_en });
    await load();
  });
}

/** @param {any|null} survey to change; what was released becomes another version */
function edit(survey) {
  const list = questionList(survey?.questions ?? []);
  openForm(t(survey ? "com.editSurvey" : "com.addSurvey"), [
    ...(survey ? [] : [{ name: "code", label: t("com.code"), required: true }]),
    { name: "title", label: t("com.name"), required: true },
    { name: "kind", label: t("com.kind"), kind: "select", options: words.survey_kind.map(option) },
    { name: "state", label: t("com.stateLabel"), kind: "select", options: ["draft", "released", "withdrawn"].map((one) => /** @type {[string, string]} */ ([one, t(`com.surveyState.${one}`)])) },
    { name: "intro", label: t("com.intro"), kind: "words" },
    { name: "named", label: "", kind: "check", hint: t("com.named"), wide: true },
    { name: "questions", label: t("com.questions"), kind: "element", wide: true, element: list.element },
  ], { ...survey, kind: survey?.kind.code, state: survey?.state ?? "draft" }, async ({ questions: _questions, ...values }) => {
    const body = { ...values, questions: list.read(), title_en: survey?.title_en ?? "", intro_en: survey?.intro_en ?? "" };
    if (survey) await send("PUT", `/api/surveys/${encodeURIComponent(survey.code)}`, { ...body, version: survey.version });
    else await send("POST", "/api/surveys", body);
    await load();
  });
}

/** The questions, one under the other. @param {any[]} given */
function questionList(given) {
  const box = h("div", { class: "question-list" });
  /** @type {{read: () => any, element: any}[]} */
  let rows = [];
  const number_ = () => rows.forEach((one, at) => { one.element.querySelector(".at").textContent = `${at + 1}.`; });
  const draw = () => { fill(box, rows.map((one) => one.element), add); number_(); };
  const add = h("button", { type: "button", class: "button", id: "add-question", text: t("com.addQuestion"), on: { click: () => { rows.push(row(null)); draw(); } } });

  /** @param {any|null} one */
  function row(one) {
    const text = h("input", { class: "field", required: true, maxLength: 200, "aria-label": t("com.questionText"), placeholder: t("com.questionText") });
    text.value = one?.text ?? "";
    const type = h("select", { class: "field", "aria-label": t("com.questionType") }, TYPES.map((name) => h("option", { value: name, text: t(`com.type.${name}`), selected: name === (one?.type ?? "scale") })));
    const options = h("textarea", { class: "field", "aria-label": t("com.optionsLabel"), placeholder: t("com.optionsHint") });
    // the right one of a quiz is marked with a star
    options.value = (one?.options ?? []).map((/** @type {any} */ item) => `${item.key === one.right ? "*" : ""}${item.text}`).join("\n");
    const required = h("input", { type: "checkbox", checked: one?.required ?? true });
    const measure = h("input", { type: "checkbox", checked: one?.measure === "satisfaction" });
    const marks = h("label", {}, measure, t("com.measures"));
    const show = () => { options.hidden = !CHOSEN.includes(type.value); marks.hidden = !["scale", "yes_no"].includes(type.value); };
    type.addEventListener("change", show);
    show();
    const self = {
      element: h("div", { class: "question-row" }, h("b", { class: "at" }), text, type, options,
        h("span", { class: "choices" }, h("label", {}, required, t("com.required")), marks,
          h("button", { type: "button", class: "link", text: t("com.remove"), on: { click: () => { rows = rows.filter((other) => other !== self); draw(); } } }))),
      read: () => {
        const lines = CHOSEN.includes(type.value) ? options.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean) : [];
        // an option that stays keeps its key, so that answers of versions compare
        const items = lines.map((/** @type {string} */ line, /** @type {number} */ at) => {
          const words_ = line.replace(/^\*\s*/, "");
          const before = one?.options?.find((/** @type {any} */ item) => item.text === words_);
          return { key: before?.key ?? `o${at + 1}_${Math.random().toString(36).slice(2, 6)}`, text: words_, text_en: before?.text_en ?? "" };
        });
        const right = lines.findIndex((/** @type {string} */ line) => line.startsWith("*"));
        return {
          ...(one && one.text === text.value.trim() ? { text_en: one.text_en } : {}), low: one?.low ?? 1, high: one?.high ?? 5,
          low_text: one?.low_text ?? "", low_text_en: one?.low_text_en ?? "", high_text: one?.high_text ?? "", high_text_en: one?.high_text_en ?? "",
          key: one?.key ?? `q_${Math.random().toString(36).slice(2, 8)}`, type: type.value, text: text.value.trim(), required: required.checked, options: items,
          right: type.value === "quiz" && right >= 0 ? items[right].key : null,
          measure: !marks.hidden && measure.checked ? "satisfaction" : null,
        };
      },
    };
    return self;
  }

  rows = given.map(row);
  draw();
  return { element: box, read: () => rows.map((one) => one.read()) };
}

start().catch((error) => complain(t("com.surveys"), error, () => location.reload()));
