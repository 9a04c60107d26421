/** What a page is asked for stands in its address, so that a link and the other language repeat it. */

import { address } from "./api.js";
import { byId } from "./dom.js";
import { language } from "./i18n.js";

/** Writes it there, and into the link to the other language. @param {Record<string, any>} asked */
export function keepAsked(asked) {
  history.replaceState(null, "", address(location.pathname, { ...asked, lang: language() }));
  byId("language").setAttribute("href", inOtherLanguage());
}

/** The address of this very page in the other language. */
export function inOtherLanguage() {
  const url = new URL(location.href);
  url.searchParams.set("lang", language() === "zh" ? "en" : "zh");
  return url.href;
}
