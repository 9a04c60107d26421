/** Taking a sheet in: first what it would change is shown, then somebody says so. Faults are listed
 * where they stand and nothing is taken in. */

import { address, ApiError, send } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { complain } from "./messages.js";
import { t } from "./i18n.js";

/**
 * Checks the sheet in `#file` (or, not dry, takes it in) and tells so in `#brought`.
 * @param {boolean} dry
 * @param {{path: string, words: {import: string, apply: string, leave: string},
 *   would: (found: any) => any[], any: (found: any) => boolean, done: (found: any) => Promise<void>}} how
 *   where it is sent, names of strings, what it would change, whether that is anything, and what
 *   follows once it is taken in
 * @param {File} file
 */
export async function bring(dry, how, file = byId("file").files[0]) {
  if (!file) return;
  byId("file").value = ""; // the same file, put right, may be chosen again
  const data = new FormData();
  data.append("file", file);
  const box = byId("brought");
  const close = () => { box.hidden = true; };
  const apply = () => void bring(false, how, file);
  box.hidden = false;
  fill(box, h("progress", { "aria-label": t("tables.reading") }));
  try {
    const found = await send("POST", address(how.path, { dry_run: dry }), data);
    if (!dry) {
      close();
      await how.done(found);
      return;
    }
    fill(box, ...how.would(found), h("div", { class: "brought-tools" },
      how.any(found) && h("button", { type: "button", class: "button", id: "apply", text: t(how.words.apply), on: { click: apply } }),
      h("button", { type: "button", class: "button", text: t(how.words.leave), on: { click: close } })));
  } catch (error) {
    const faults = error instanceof ApiError ? error.problem.faults : null;
    if (!faults) { box.hidden = true; complain(t(how.words.import), error); }
    else fill(box, h("h2", { class: "bad", text: /** @type {Error} */ (error).message }), h("ul", {}, faults.map((/** @type {any} */ one) => h("li", { text: one.message }))));
  }
  box.focus();
}
