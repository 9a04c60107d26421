/** A survey to fill in: by residents who came by QR code, or by staff who ask and enter. */

import { may } from "../account.js";
import { ApiError, getJSON, send } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { language, showDay, t } from "../i18n.js";
import { complain, notice } from "../messages.js";
import { begin, nameOf, showDistrict } from "./words.js";

const code = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const community = new URLSearchParams(location.search).get("community") ?? "";
// staff enter what they asked: another door, which takes the name of who entered it
const staff = may("survey.enter");
/** @param {any} one @param {string} name */
const said = (one, name) => (language() === "en" && one[`${name}_en`]) || one[name] || "";

async function start() {
  await begin();
  /** @type {any} */
  let round;
  try {
    round = await getJSON(staff ? `/api/survey-rounds/${encodeURIComponent(code)}` : `/api/public/surveys/${encodeURIComponent(code)}`);
  } catch (error) {
    if (/** @type {any} */ (error).status !== 404) throw error;
    notice(t("com.noSurvey"), h("p", { text: code }));
    document.body.classList.add("ready");
    return;
  }
  byId("title").textContent = said(round, "title");
  const named = community ? await getJSON(`/api/areas/community/${encodeURIComponent(community)}`).catch(() => null) : null;
  showDistrict(named ? nameOf(named) : "");
  if (round.state !== "open") {
    fill(byId("content"), h("div", { class: "tile" }, h("p", { text: t(`com.round.${round.state}`) }), h("p", { class: "note", text: `${showDay(round.opens_on)} – ${showDay(round.closes_on)}` })));
  } else draw(round, await choice(named));
  document.body.classList.add("ready");
}

/** The community it is about: as the code said, else chosen. @param {any} named */
async function choice(named) {
  if (named) return { element: null, read: () => named.code };
  const { items } = await getJSON("/api/areas/community", { limit: 1000 });
  const select = h("select", { class: "field", required: true, "aria-label": t("level.community") }, h("option", { value: "", text: t("public.chooseCommunity") }), items.map((/** @type {any} */ one) => h("option", { value: one.code, text: nameOf(one) })));
  return { element: h("div", { class: "tile" }, h("h2", { text: t("level.community") }), select), read: () => select.value };
}

/** @param {any} round @param {{element: any, read: () => string}} place */
function draw(round, place) {
  // sent twice over a bad network it counts once
  let key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const name = h("input", { class: "field", name: "name", maxLength: 200, autocomplete: staff ? "off" : "name", required: round.named });
  const phone = h("input", { class: "field", name: "phone", maxLength: 200, inputMode: "tel", autocomplete: staff ? "off" : "tel" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary", text: t("com.submit") });
  const questions = round.questions.map((/** @type {any} */ one, /** @type {number} */ at) => question(one, at + 1));
  const refuse = (/** @type {string} */ text) => { problem.textContent = text; problem.hidden = !text; };

  async function take(/** @type {Event} */ event) {
    event.preventDefault();
    refuse("");
    for (const one of questions) one.element.classList.remove("wrong");
    const missing = questions.find((/** @type {any} */ one) => one.required && one.read() === null);
    if (missing) {
      missing.element.classList.add("wrong");
      missing.element.scrollIntoView({ block: "center" });
      refuse(t("com.unanswered"));
      return;
    }
    if (!place.read()) { refuse(t("public.chooseCommunity")); return; }
    const answers = Object.fromEntries(questions.map((/** @type {any} */ one) => [one.key, one.read()]).filter(([, value]) => value !== null));
    const body = { community: place.read(), answers, name: name.value.trim(), phone: phone.value.trim(), key };
    submit.disabled = true;
    try {
      done(await send("POST", staff ? `/api/survey-rounds/${encodeURIComponent(code)}/responses` : `/api/public/surveys/${encodeURIComponent(code)}`, body));
    } catch (error) {
      refuse(/** @type {Error} */ (error).message);
      if (error instanceof ApiError && error.status !== 0) {
        questions.find((/** @type {any} */ one) => one.key === error.where)?.element.classList.add("wrong");
      }
    } finally {
      submit.disabled = false;
    }
  }

  /** @param {any} taken */
  function done(taken) {
    key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    fill(byId("content"), h("div", { class: "tile done" },
      h("h2", { text: t("com.thanks") }),
      taken.of > 0 && h("p", { text: t("com.score", { n: taken.right, of: taken.of }) }),
      staff && h("button", { type: "button", class: "button primary", text: t("com.nextOne"), on: { click: () => draw(round, place) } }),
      h("a", { class: "button", href: `/communities/${encodeURIComponent(place.read())}${staff ? "#surveys" : ""}`, text: t("com.toCommunity") })));
    window.scrollTo(0, 0);
  }

  fill(byId("content"), h("form", { class: "tile-part", noValidate: true, on: { submit: take } },
    h("div", { class: "tile" }, h("p", { text: said(round, "intro") }), staff && h("p", { class: "note", text: t("com.staffEnter") })),
    place.element,
    questions.map((/** @type {any} */ one) => h("div", { class: "tile" }, one.element)),
    h("div", { class: "tile" }, h("h2", { text: t(round.named ? "com.whoNamed" : "com.whoOptional") }), h("div", { class: "two" },
      h("label", {}, h("span", { class: "note", text: t("com.personName") }), name),
      h("label", {}, h("span", { class: "note", text: t("com.phone") }), phone))),
    problem, submit));
}

/** @param {any} one @param {number} number */
function question(one, number) {
  const label = `${number}. ${said(one, "text")}${one.required ? "" : ` (${t("com.optional")})`}`;
  const box = (/** @type {string} */ type, /** @type {string} */ value, /** @type {string} */ text) => {
    const input = h("input", { type, name: one.key, value });
    return { input, element: h("label", {}, input, h("span", { text })) };
  };
  const wrap = (/** @type {any} */ content) => h("fieldset", { class: "question", data: { question: one.key } }, h("legend", { text: label }), content);
  if (one.type === "text") {
    const area = h("textarea", { class: "field", maxLength: 1000, "aria-label": label });
    return { key: one.key, required: one.required, element: wrap(area), read: () => area.value.trim() || null };
  }
  const scale = one.type === "scale" ? Array.from({ length: one.high - one.low + 1 }, (_, at) => String(one.low + at)) : [];
  /** @type {[string, string][]} */
  const choices = one.type === "scale" ? scale.map((n) => [n, n])
    : one.type === "yes_no" ? [["true", t("com.yes")], ["false", t("com.no")]]
      : one.options.map((/** @type {any} */ item) => [item.key, said(item, "text")]);
  const boxes = choices.map(([value, text]) => box(one.type === "multiple" ? "checkbox" : "radio", value, text));
  const chosen = () => boxes.filter(({ input }) => input.checked).map(({ input }) => input.value);
  const element = wrap([h("div", { class: one.type === "scale" ? "answers across" : "answers" }, boxes.map((item) => item.element)),
    one.type === "scale" && h("div", { class: "ends note" }, h("span", { text: said(one, "low_text") }), h("span", { text: said(one, "high_text") }))]);
  return {
    key: one.key, required: one.required, element, read: () => {
      const values = chosen();
      if (!values.length) return null;
      if (one.type === "multiple") return values;
      return one.type === "scale" ? Number(values[0]) : one.type === "yes_no" ? values[0] === "true" : values[0];
    },
  };
}

start().catch((error) => complain(t("com.survey"), error, () => location.reload()));
