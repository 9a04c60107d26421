/** Photos chosen on a phone, kept here until they are sent; large ones are made smaller first. */

import { fill, h, icon } from "./dom.js";
import { t } from "./i18n.js";

const SIDE = 4096; // pixels
const LARGE = 8e6; // bytes; up to here a photo is sent as the camera made it, as evidence

/**
 * A photo that passes a slow network. The camera's own file is kept unless it is very large.
 * @param {File} file @returns {Promise<File>}
 */
async function smaller(file) {
  if (file.size < LARGE) return file;
  try {
    const image = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
    const canvas = h("canvas", { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.86));
    return blob && blob.size < file.size ? new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" }) : file;
  } catch {
    return file;
  }
}

/**
 * @param {number} most
 * @param {{changed?: () => void}} [options]
 */
export function photoPicker(most, { changed = () => {} } = {}) {
  /** @type {File[]} */
  let files = [];
  const list = h("ul", { class: "thumbs" });
  const input = h("input", {
    type: "file", accept: "image/jpeg,image/png,image/webp", multiple: true, class: "visually-hidden", "aria-label": t("pictures.add"),
    on: { change: async () => {
      const room = [...input.files].slice(0, most - files.length);
      input.value = "";
      files.push(...await Promise.all(room.map(smaller)));
      draw();
      changed();
    } },
  });
  const add = h("button", { type: "button", class: "button", on: { click: () => input.click() } }, icon("plus"), t("pictures.add"));

  function draw() {
    add.hidden = files.length >= most;
    fill(list, files.map((file) => {
      const address = URL.createObjectURL(file);
      return h("li", {}, h("img", { src: address, alt: file.name, on: { load: () => URL.revokeObjectURL(address) } }),
        h("button", { type: "button", "aria-label": t("pictures.drop", { name: file.name }), on: { click: () => { files = files.filter((one) => one !== file); draw(); changed(); } } }, icon("close")));
    }));
  }
  return {
    element: h("div", { class: "stack" }, input, list, add),
    read: () => files,
    /** @param {File[]} given */
    set: (given) => { files = given.slice(0, most); draw(); },
  };
}
