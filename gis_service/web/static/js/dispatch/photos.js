/** Photos: small in the drawer, large on demand, sent before what they belong to. */

import { send } from "../api.js";
import { byId, fill, h, icon } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { complain } from "../messages.js";
import { may } from "./desk.js";
import { word } from "./row.js";

/** @param {any} item @param {any} photo @param {string} size */
const source = (item, photo, size) => `/api/incidents/${item.id}/photos/${photo.id}?size=${size}`;

/** @param {any} photo */
const caption = (photo) => [t(`dispatch.purpose.${photo.purpose}`), dateTime(photo.created_at), word("actor", photo.uploaded_by)].join(" · ");

/** @param {any} item the incident @returns {HTMLElement} */
export const thumbnails = (item) => h("ul", { class: "thumbnails", "aria-label": t("dispatch.photos") },
  item.photos.map((/** @type {any} */ photo, /** @type {number} */ index) => h("li", {}, h("button", {
    type: "button", title: caption(photo), on: { click: () => showPhoto(item, index) },
  }, h("img", { src: source(item, photo, "thumb"), alt: caption(photo), loading: "lazy" }),
  h("span", { class: "purpose", text: t(`dispatch.purpose.${photo.purpose}`) })))));

/** Opens a photo over the page; arrows lead on. @param {any} item @param {number} at */
function showPhoto(item, at) {
  const dialog = byId("photo");
  const photo = item.photos[at];
  const go = (/** @type {number} */ step) => showPhoto(item, (at + step + item.photos.length) % item.photos.length);
  const several = item.photos.length > 1;
  fill(dialog,
    h("figure", {}, h("img", { src: source(item, photo, "full"), alt: caption(photo), width: photo.width, height: photo.height }),
      h("figcaption", {}, h("span", { text: `${at + 1} / ${item.photos.length} · ${caption(photo)}` }),
        h("a", { href: source(item, photo, "original"), target: "_blank", rel: "noopener", text: t("dispatch.original") }))),
    several && h("button", { type: "button", class: "photo-step back", "aria-label": t("dispatch.back"), on: { click: () => go(-1) } }, icon("chevron-left")),
    several && h("button", { type: "button", class: "photo-step on", "aria-label": t("dispatch.forward"), on: { click: () => go(1) } }, icon("chevron-right")),
    h("button", { type: "button", class: "photo-close", "aria-label": t("drawer.close"), on: { click: () => dialog.close() } }, icon("close")));
  dialog.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") go(event.key === "ArrowLeft" ? -1 : 1);
  };
  dialog.onclick = (/** @type {Event} */ event) => { if (event.target === dialog) dialog.close(); };
  if (!dialog.open) dialog.showModal();
}

/**
 * A field that sends photos as they are chosen and answers with their numbers.
 * @returns {{element: HTMLElement, read: () => number[]|undefined, busy: () => boolean}}
 */
export function photoField() {
  /** @type {{id: number|null, file: File, box: HTMLElement}[]} */
  let photos = [];
  const list = h("ul", { class: "uploads" });
  const add = async (/** @type {File} */ file) => {
    const address = URL.createObjectURL(file);
    const status = h("span", { class: "note", text: t("dispatch.uploading") });
    const photo = { id: /** @type {number|null} */ (null), file, box: h("li", {}, h("img", { src: address, alt: file.name, on: { load: () => URL.revokeObjectURL(address) } }), status,
      h("button", { type: "button", class: "quiet", "aria-label": t("dispatch.dropPhoto", { name: file.name }), on: { click: () => drop() } }, icon("close"))) };
    const drop = () => {
      photos = photos.filter((one) => one !== photo);
      photo.box.remove();
    };
    photos.push(photo);
    list.append(photo.box);
    const form = new FormData();
    form.append("photo", file);
    try {
      photo.id = (await send("POST", "/api/attachments", form)).id;
      status.textContent = t("dispatch.uploaded");
    } catch (error) {
      drop();
      complain(file.name, error, () => void add(file));
    }
  };
  const input = h("input", {
    type: "file", accept: "image/jpeg,image/png,image/webp", multiple: true, disabled: !may("incident.report"),
    on: { change: () => { for (const file of input.files) void add(file); input.value = ""; } },
  });
  return {
    element: h("div", { class: "photo-field" }, input, list),
    read: () => (photos.length ? photos.map((photo) => /** @type {number} */ (photo.id)) : undefined),
    busy: () => photos.some((photo) => photo.id === null),
  };
}
