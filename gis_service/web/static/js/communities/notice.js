/** The notice of a community's post: on the screen, on paper, and the form that keeps it. */

import { may } from "../account.js";
import { send } from "../api.js";
import { app } from "../app.js";
import { byId, fill, h, icon } from "../dom.js";
import { pick, showDay, t } from "../i18n.js";
import { photoPicker } from "../pictures.js";
import { whereField } from "../where.js";
import { openForm, positionOf } from "./forms.js";
import { hours, nameOf, option, words } from "./words.js";

/** @param {any} told what everybody may know of the community */
export function drawNotice(told) {
  const { post, community, street } = told;
  const there = post.state === "staffed";
  const rows = [
    [t("com.window"), [post.window, post.address].filter(Boolean).join(" · ")],
    [t("com.hours"), hours(post.opening)],
    [t("com.stations"), told.stations.map((/** @type {any} */ one) => [nameOf(one), ...hours(one.opening)].join(" "))],
  ];
  fill(byId("notice-sheet"),
    h("header", {}, h("span", { text: nameOf(street) }), h("b", { text: nameOf(community) }), h("span", { text: t("com.post") })),
    post.state === "none" ? h("p", { class: "vacancy", text: t("com.noPost") }) : [
      there ? h("div", { class: "who" },
        post.photo ? h("img", { src: post.photo, alt: t("com.photoOf", { name: post.contact }) }) : h("span", { class: "no-photo", text: t("com.noPhoto") }),
        h("div", {}, h("span", { class: "note", text: t("com.contact") }), h("b", { text: post.contact }), h("p", { text: post.title }), phone(post))) :
        h("div", {}, h("p", { class: "vacancy", text: t("com.vacantNow") }), phone(post)),
      h("dl", {}, rows.filter(([, value]) => value && value.length).flatMap(([label, value]) => [h("dt", { text: label }), h("dd", {}, [value].flat().map((line) => h("div", { text: line })))])),
      post.duties.length > 0 && h("div", {}, h("p", { class: "note", text: t("com.duties") }), h("ul", { class: "duties" }, post.duties.map((/** @type {any} */ one) => h("li", { text: nameOf(one) })))),
    ],
    h("footer", {}, h("img", { src: `/api/public/communities/${encodeURIComponent(community.code)}/qr.svg`, alt: t("com.qr") }),
      h("div", {}, h("p", { text: t("com.qrNote") }), h("p", { text: pick(app.district.title) }), app.district.illustrative && h("p", { text: t("badge.illustrative") }))));
}

/** @param {any} post */
const phone = (post) => (post.phone ? h("a", { class: "phone", href: `tel:${post.phone}`, text: post.phone }) : h("p", { class: "note", text: t("com.noPhone") }));

/**
 * Buttons under the notice, and what it lacks.
 * @param {any} told @param {any|null} post as staff see it @param {() => Promise<void>} reload
 */
export function drawTools(told, post, reload) {
  const edit = post && may("post.manage");
  fill(byId("tools"),
    h("button", { type: "button", class: "button", id: "print-notice", on: { click: () => window.print() } }, icon("print"), t("com.print")),
    edit && h("button", { type: "button", class: "button", id: "edit-post", text: t(post.state === "none" ? "com.addPost" : "com.editPost"), on: { click: () => editPost(told, post, reload) } }),
    h("a", { class: "button", href: `/public?community=${encodeURIComponent(told.community.code)}`, text: t("com.cases") }),
    edit && post.gaps.length > 0 && h("p", { class: "gap-note", text: t("com.lacks", { what: post.gaps.map((/** @type {string} */ gap) => t(`com.gap.${gap}`)).join(t("com.and")) }) }),
    edit && post.since && h("p", { class: "note", text: t(post.state === "vacant" ? "com.vacantSince" : "com.since", { day: showDay(post.since) }) }));
}

/** @param {any} told @param {any} post @param {() => Promise<void>} reload */
function editPost(told, post, reload) {
  const photo = photoPicker(1);
  const where = whereField({ map: Boolean(app.district.bbox), paste: true, name: "where" });
  if (post.lon !== null && post.lon !== undefined) void where.choose({ lon: post.lon, lat: post.lat, crs: "wgs84" });
  const code = told.community.code;
  openForm(t(post.state === "none" ? "com.addPost" : "com.editPost"), [
    { name: "contact", label: t("com.contact"), hint: t("com.contactHint") },
    { name: "title", label: t("com.jobTitle") },
    { name: "phone", label: t("com.phone") },
    { name: "window", label: t("com.window") },
    { name: "address", label: t("com.address") },
    { name: "where", label: t("com.position"), kind: "element", wide: true, element: where.element },
    { name: "since", label: t("com.sinceDay"), kind: "date" },
    { name: "photo", label: t("com.photo"), kind: "element", wide: true, element: photo.element },
    { name: "opening", label: t("com.openingLabel"), kind: "words", hint: t("com.openingHint") },
    { name: "duties", label: t("com.duties"), kind: "checks", options: words.post_duty.map(option) },
    { name: "note", label: t("com.note"), kind: "words" },
  ], { ...post, duties: post.duties.map((/** @type {any} */ one) => one.code), opening: writeOpening(post.opening) }, async (values) => {
    let photoId = post.photo_id;
    if (photo.read().length) {
      const form = new FormData();
      form.append("photo", photo.read()[0]);
      photoId = (await send("POST", "/api/attachments", form)).id;
    }
    const { photo: _photo, ...plain } = values;
    const body = {
      ...plain, opening: readOpening(values.opening), photo_id: values.contact ? photoId ?? null : null, contact: values.contact || null,
      since: values.since === post.since && values.contact !== (post.contact ?? "") ? null : values.since,
      established_on: post.established_on ?? null, ...positionOf(where),
    };
    if (post.state === "none") await send("POST", "/api/posts", { ...body, community: code });
    else await send("PUT", `/api/posts/${encodeURIComponent(code)}`, { ...body, version: post.version });
    await reload();
  });
}

/** Opening times as the form takes them. @param {any[]} opening */
export const writeOpening = (opening) => opening.map((one) => `${one.weekdays.join(",")} ${one.from.slice(0, 5)}-${one.to.slice(0, 5)}`).join("\n");

/**
 * `1,2,3,4,5 08:30-12:00` or `1-5 08:30-12:00`, one span a line.
 * @param {string} text
 */
export function readOpening(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const found = /^([1-7][1-7,，、-]*)\s+(\d{1,2}[:：]\d{2})\s*[-–—]\s*(\d{1,2}[:：]\d{2})$/.exec(line);
    if (!found) throw new Error(t("com.openingWrong", { line }));
    const weekdays = found[1].split(/[,，、]/).filter(Boolean).flatMap((part) => {
      const [low, high] = part.split("-").map(Number);
      return Array.from({ length: (high || low) - low + 1 }, (_, at) => low + at);
    });
    const clock = (/** @type {string} */ one) => one.replace("：", ":").padStart(5, "0");
    return { weekdays: [...new Set(weekdays)].sort(), from: clock(found[2]), to: clock(found[3]) };
  });
}
