/** Taking a file home: a word while it is made, how much has come, and why where there is none. */

import { ApiError, answerTo } from "../api.js";
import { h } from "../dom.js";
import { number, t } from "../i18n.js";
import { complain, dismiss, say } from "../messages.js";

const LARGEST = 1e9; // bytes that a page can hold; beyond them the browser takes it by itself
const TELL_MS = 500;

/**
 * A click on a link to a file; opened otherwise (in a new tab, say) it is the browser's.
 * @param {MouseEvent} event
 */
export function onTake(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  void take(/** @type {HTMLAnchorElement} */ (event.currentTarget).href);
}

/** @param {string} href of the file, whose name is the last of its path */
async function take(href) {
  const name = href.split("?")[0].split("/").pop() ?? "";
  const ended = new AbortController();
  const tell = (/** @type {string} */ text) => say(text, {
    key: href, seconds: 0, again: t("exports.stop"), retry: () => ended.abort(),
  });
  const slow = setTimeout(() => tell(t("exports.making", { name })), TELL_MS);
  try {
    const answer = await answerTo(href, { signal: ended.signal });
    clearTimeout(slow);
    let told = performance.now();
    const file = await held(answer, (bytes) => {
      if (performance.now() - told < TELL_MS) return;
      told = performance.now();
      tell(t("exports.coming", { name, size: number(Math.ceil(bytes / 1e6)) }));
    });
    if (!file) {
      say(t("exports.large", { name }), { kind: "error", again: t("exports.native"), retry: () => save(href, name) });
      return;
    }
    const url = URL.createObjectURL(file);
    save(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    // a file that breaks off half-way is none
    complain(name, error instanceof TypeError ? new ApiError(0, t("error.network")) : error, () => take(href));
  } finally {
    clearTimeout(slow);
    dismiss(href);
  }
}

/**
 * The whole of it; nothing where that is too much.
 * @param {Response} answer @param {(bytes: number) => void} told @returns {Promise<Blob|null>}
 */
async function held(answer, told) {
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (answer.body).getReader();
  const parts = [];
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    bytes += part.value.byteLength;
    if (bytes > LARGEST) {
      await reader.cancel();
      return null;
    }
    told(bytes);
  }
  return new Blob(parts);
}

/** @param {string} href @param {string} name */
const save = (href, name) => h("a", { href, download: name }).click();
