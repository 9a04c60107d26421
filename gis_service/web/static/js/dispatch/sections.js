/** What the drawer says of an incident: where, who answers, until when, what else is known. */

import { getJSON, send } from "../api.js";
import { LEVELS } from "../app.js";
import { fill, h, icon } from "../dom.js";
import { dateTime, distance, known, t } from "../i18n.js";
import { complain } from "../messages.js";
import { told } from "./acting.js";
import { countTo, sayAgo, span } from "./clock.js";
import { may, open } from "./desk.js";
import { className, squadName, unitName, unitOfCode } from "./names.js";
import { thumbnails } from "./photos.js";
import { isOpen } from "./query.js";
import { deadline, stateTag, whereabouts, word } from "./row.js";

/** @param {string} id @param {string} title @param {any[]} content @param {{open?: boolean, count?: number}} [options] */
const section = (id, title, content, { open: unfolded = true, count } = {}) =>
  h("details", { class: "part", id: `part-${id}`, open: unfolded },
    h("summary", {}, h("span", { text: title }), count !== undefined && h("span", { class: "count", text: String(count) })),
    h("div", { class: "part-body" }, content));

/** @param {any[]} rows of [label, value] */
const facts = (rows) => h("dl", { class: "facts" }, rows.filter(Boolean).map(([label, ...value]) =>
  h("div", {}, h("dt", { text: label }), h("dd", {}, value))));

/**
 * @param {any} item the incident with `log` and `near`
 * @param {{reload: () => Promise<void>, place: () => void}} on
 * @returns {any[]}
 */
export function caseSections(item, on) {
  return [
    item.description && h("p", { class: "case-words", text: item.description }),
    item.photos.length > 0 && thumbnails(item),
    section("place", t("dispatch.part.place"), place(item, on)),
    section("who", t("dispatch.part.who"), who(item)),
    isOpen(item) && section("due", t("dispatch.part.due"), due(item)),
    item.whistles.length > 0 && section("whistles", t("dispatch.part.whistles"), whistles(item), { count: item.whistles.length }),
    section("near", t("dispatch.part.near"), near(item), { count: item.near.length, open: item.near.length > 0 }),
    section("reports", t("dispatch.part.reports"), reports(item, on), { count: item.reports.length || item.report_count, open: item.report_count > 1 }),
    section("facts", t("dispatch.part.facts"), moreFacts(item), { open: false }),
    section("log", t("drawer.log"), log(item), { count: item.log.length }),
  ];
}

/** @param {any} item @param {{place: () => void}} on */
function place(item, on) {
  const path = LEVELS.filter((level) => item[level]);
  const said = path.length ? path.slice(-1).map((level) => {
    const { method, distance_m: metres } = item.placement.method === "inside" || item.placement.method === "nearest"
      ? item.placement.levels[level] : item.placement;
    const key = method === "nearest" ? "place.nearest" : `place.${known(`place.${method}`) ? method : "none"}`;
    return t(key, { level: t(`level.${level}`), distance: distance(metres ?? 0) });
  })[0] : t("place.none");
  const others = item.placement.candidates.filter((/** @type {any} */ one) => one.code !== item[one.level]?.code);
  return [
    path.length > 0 && h("ol", { class: "path" }, path.map((level) => h("li", {},
      h("small", { text: t(`level.${level}`) }), h("span", { text: item[level].name || item[level].code, title: item[level].code })))),
    item.address && h("p", { class: "address", text: item.address }),
    h("p", { class: item.placement.method === "none" ? "gap" : "note", text: [said,
      item.lon !== null && `${item.lon.toFixed(6)}, ${item.lat.toFixed(6)}`].filter(Boolean).join(" · ") }),
    item.reported.lon !== null && item.reported.crs !== "wgs84" && h("p", { class: "note", text: t("dispatch.asReported", {
      position: `${item.reported.lon}, ${item.reported.lat}`, crs: item.reported.crs }) }),
    others.length > 0 && h("div", { class: "ambiguity" }, h("p", { text: t("place.ambiguous") }),
      h("ul", {}, others.map((/** @type {any} */ one) => h("li", { text: [t(`level.${one.level}`), one.name || one.code,
        one.distance_m > 0 && distance(one.distance_m)].filter(Boolean).join(" ") })))),
    item.placement.method === "none" && item.actions.includes("place")
      && h("button", { type: "button", class: "button", on: { click: on.place } }, icon("pin"), t("dispatch.pin")),
  ];
}

/** @param {any} item */
function who(item) {
  const { responsible } = item;
  return [
    facts([
      [t("dispatch.unit"), item.unit ? h("b", { text: unitName(item.unit) })
        : h("span", { class: "note", text: responsible.unit ? t("dispatch.wouldBe", { unit: unitName(responsible.unit) }) : t("dispatch.noUnit") })],
      (item.squad || responsible.squad) && [t("dispatch.squad"), squadName(item.squad ?? responsible.squad)],
      responsible.duty && [t("dispatch.duty"), dutyText(responsible.duty)],
    ]),
    (item.components ?? []).slice(0, 1).map((/** @type {any} */ one) => h("p", { class: "note", text: t("dispatch.component", {
      name: one.name, code: one.code, distance: distance(one.away_m),
      owner: one.owner ? unitOfCode(one.owner) : t("dispatch.noOwner"),
    }) })),
    responsible.gap && h("p", { class: "gap", text: t("dispatch.gap") }),
    responsible.ambiguous.length > 0 && h("div", { class: "ambiguity" }, h("p", { text: t("dispatch.ambiguous") }),
      h("ul", {}, responsible.ambiguous.map((/** @type {any} */ one) => h("li", { text: one.name })))),
    responsible.steps.length > 0 && h("ol", { class: "steps", "aria-label": t("dispatch.why") },
      responsible.steps.map((/** @type {any} */ step) => h("li", { text: step.text }))),
  ];
}

/** @param {any} duty */
const dutyText = (duty) => [duty.person, duty.phone, duty.until && t("dispatch.until", { when: dateTime(duty.until) })]
  .filter(Boolean).join(" · ");

/** @param {any} item */
function due(item) {
  if (!item.due_at) {
    return [h("p", { class: "note", text: item.due_explained ?? t(item.filed_at ? "dispatch.noLimit" : "dispatch.notFiled") }),
      item.their_due_at && facts([[t("dispatch.theirDue"), countTo(h("time", { class: "due" }), item.their_due_at), " ", dateTime(item.their_due_at)]])];
  }
  return [
    h("p", { class: "due-line" }, deadline(item), h("span", { text: dateTime(item.due_at) })),
    item.due_provisional && h("p", { class: "gap", text: t("dispatch.provisional") }),
    item.due_explained && h("p", { class: "explained", text: item.due_explained }),
    item.their_due_at && facts([[t("dispatch.theirDue"), countTo(h("time", { class: "due" }), item.their_due_at), " ", dateTime(item.their_due_at)]]),
  ];
}

/** @param {any} item */
const whistles = (item) => item.whistles.map((/** @type {any} */ whistle) => {
  const missing = whistle.units.filter((/** @type {any} */ one) => !one.reported_in_at);
  return h("div", { class: "whistle" },
    h("p", {}, h("b", { text: dateTime(whistle.called_at) }), ` ${word("actor", whistle.called_by)} · ${whistle.reason}`),
    h("ul", {}, whistle.units.map((/** @type {any} */ one) => h("li", { class: one.reported_in_at ? "there" : "missing" },
      h("span", { class: "unit-name", text: [unitName(one.unit), one.lead && t("dispatch.lead")].filter(Boolean).join(" · ") }),
      one.reported_in_at ? h("span", { class: late(one, whistle) ? "late" : "", title: dateTime(one.reported_in_at),
        text: t(late(one, whistle) ? "dispatch.cameLate" : "dispatch.came", { time: span(one.delay_s * 1000) }) })
        : whistle.report_in_by ? countTo(h("time", { class: "due" }), whistle.report_in_by) : h("span", { text: t("dispatch.missing") })))),
    h("p", { class: "note", text: missing.length
      ? t("dispatch.missingUnits", { units: missing.map((/** @type {any} */ one) => unitName(one.unit)).join(t("dispatch.comma")) })
      : t("dispatch.allThere") }));
});

/** @param {any} one @param {any} whistle */
const late = (one, whistle) => whistle.report_in_by && Date.parse(one.reported_in_at) > Date.parse(whistle.report_in_by);

/** @param {any} item */
function near(item) {
  if (!item.near.length) return [h("p", { class: "note", text: t(item.lon === null ? "dispatch.near.noPlace" : "dispatch.near.none") })];
  return [h("ul", { class: "near" }, item.near.slice(0, 12).map((/** @type {any} */ one) => h("li", {},
    h("button", { type: "button", class: "near-row", on: { click: () => open(one.id) } },
      h("span", { class: "near-away", text: distance(one.away_m) }),
      h("span", { class: "near-name" }, h("b", { text: className(one.class) }), h("span", { class: "note", text: whereabouts(one) })),
      stateTag(one.state)))))];
}

/**
 * What goes back to who reported: a reply, the return to its source, a call-back with what was said.
 * @param {any} item @param {any} report @param {{reload: () => Promise<any>}} on
 */
function answering(item, report, on) {
  const reply = h("textarea", { class: "field", rows: 2, maxLength: 4000, name: "reply", "aria-label": t("dispatch.answer.reply"), placeholder: t("dispatch.answer.reply") });
  reply.value = report.reply ?? "";
  const returned = h("input", { type: "checkbox", name: "returned" });
  const called = h("input", { type: "checkbox", name: "called_back" });
  const rating = h("select", { class: "field", name: "rating", "aria-label": t("dispatch.answer.rating") },
    h("option", { value: "", text: t("dispatch.answer.rating") }), [5, 4, 3, 2, 1].map((n) => h("option", { value: String(n), text: t("dispatch.rating", { n }) })));
  const words = h("input", { class: "field", name: "rating_text", maxLength: 200, placeholder: t("dispatch.answer.words"), "aria-label": t("dispatch.answer.words") });
  const problem = h("p", { class: "refusal", role: "alert", hidden: true });
  const keep = h("button", { type: "button", class: "button primary", text: t("dispatch.answer.keep"), on: { click: async () => {
    keep.disabled = true;
    problem.hidden = true;
    try {
      await send("POST", `/api/incidents/${item.id}/reports/${report.id}`, {
        reply: reply.value.trim() || null, returned: returned.checked, called_back: called.checked,
        rating: rating.value ? Number(rating.value) : null, rating_text: words.value.trim() || null,
      });
      await on.reload();
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
      keep.disabled = false;
    }
  } } });
  return h("details", { class: "answering", id: `answering-${report.id}` }, h("summary", { text: t("dispatch.answer.title") }),
    reply, h("label", { class: "check" }, returned, h("span", { text: t("dispatch.answer.returned") })),
    h("label", { class: "check" }, called, h("span", { text: t("dispatch.answer.calledBack") })),
    h("div", { class: "two" }, rating, words), problem, keep);
}

/** @param {any} item @param {{reload: () => Promise<any>}} on */
function reports(item, on) {
  const people = h("div", { class: "people" });
  const read = async () => {
    try {
      const { items } = await getJSON(`/api/incidents/${item.id}/reporters`);
      fill(people, items.length ? h("ul", {}, items.map((/** @type {any} */ one) => h("li", {
        text: [one.name, one.phone, one.email].filter(Boolean).join(" · ") })))
        : h("p", { class: "note", text: t("dispatch.people.none") }));
    } catch (error) {
      complain(t("dispatch.people.what"), error, read);
    }
  };
  if (may("personal.read") && item.reports.some((/** @type {any} */ one) => one.has_reporter)) {
    fill(people, h("button", { type: "button", class: "button", text: t("dispatch.people.show"), on: { click: read } }),
      h("span", { class: "note", text: t("dispatch.people.logged") }));
  }
  return [
    !item.reports.length && h("p", { class: "note", text: t("dispatch.reports.none") }),
    h("ul", { class: "reports" }, item.reports.map((/** @type {any} */ one) => h("li", {},
      h("p", {}, h("b", { text: word("source", one.source) }), one.external_id && ` ${one.external_id}`, " ",
        sayAgo(h("time", { class: "note", datetime: one.reported_at }), one.reported_at),
        one.first_incident_id !== item.id && h("span", { class: "flag", text: t("dispatch.mergedHere") })),
      one.description && h("p", { text: one.description }),
      one.reply && h("p", { class: "note", text: t("dispatch.reply", { reply: one.reply }) }),
      one.returned_at && h("p", { class: "note", text: t("dispatch.returned", { when: dateTime(one.returned_at) }) }),
      one.called_back_at && h("p", { class: "note", text: t("dispatch.calledBack", { when: dateTime(one.called_back_at) }) }),
      one.rating !== null && h("p", { class: "note", text: [t("dispatch.rating", { n: one.rating }), one.rating_text].filter(Boolean).join(" · ") }),
      may("report.reply") && answering(item, one, on)))),
    people,
  ];
}

/** @param {any} item */
function moreFacts(item) {
  return [facts([
    [t("fact.class"), `${item.class.code} ${className(item.class)}`],
    item.condition && [t("dispatch.condition"), item.condition.name],
    [t("fact.source"), word("source", item.source), item.external_id && item.external_id !== item.code && ` ${item.external_id}`],
    [t("fact.reported"), dateTime(item.reported_at)],
    ...["verified_at", "filed_at", "dispatched_at", "accepted_at", "resolved_at", "closed_at"].map(
      (stamp) => item[stamp] && [t(`dispatch.stamp.${stamp}`), dateTime(item[stamp])]),
    item.case_number && [t("dispatch.caseNumber"), item.case_number],
    item.merged_into && [t("dispatch.mergedInto"), h("button", { type: "button", class: "link", text: String(item.merged_into), on: { click: () => open(item.merged_into) } })],
    [t("dispatch.filedPath"), Object.values(item.filed_path ?? {}).join(" › ") || "—"],
  ])];
}

/** @param {any} item */
const log = (item) => [h("ol", { class: "log" }, [...item.log].reverse().map((/** @type {any} */ row) => h("li", { title: told(row) },
  sayAgo(h("time", { datetime: row.at }), row.at),
  h("span", {}, h("b", { text: word("action", row.action) }), ` ${word("actor", row.actor)} · ${t(`state.${row.state}`)}`),
  details(row.detail))))];

/** What a log row adds, in words; identifiers and lists of numbers stay out. @param {any} detail */
function details(detail) {
  if (!detail) return null;
  const words = [
    detail.reason, detail.note, detail.unit && unitOfCode(detail.unit), detail.squad,
    detail.units?.map(unitOfCode).join(t("dispatch.comma")), detail.case_number, detail.class, detail.code,
    detail.into && t("dispatch.intoWhich", { into: String(detail.into) }),
    detail.amount && t(`dispatch.limit.${detail.limit_unit}`, { n: detail.amount }),
    detail.photos?.length && t("dispatch.photosCount", { n: detail.photos.length }),
  ].filter((word) => typeof word === "string" && word);
  return words.length ? h("span", { class: "note", text: words.join(" · ") }) : null;
}
