/** The page to sign in at. */

import { ApiError, send } from "../api.js";
import { byId } from "../dom.js";
import { setLanguage, t } from "../i18n.js";

/** Where to go afterwards: a path of this very service, whatever the address says. */
function target() {
  const asked = new URLSearchParams(location.search).get("next") ?? "/";
  const url = new URL(asked, location.origin);
  return asked.startsWith("/") && url.origin === location.origin ? url.pathname + url.search + url.hash : "/";
}

/** @param {string} words */
function tell(words) {
  const problem = byId("problem");
  problem.hidden = !words;
  problem.textContent = words;
}

/** @param {boolean} busy */
function wait(busy) {
  const button = byId("submit");
  button.disabled = busy;
  button.textContent = t(busy ? "login.busy" : "login.submit");
}

/** @param {SubmitEvent} event */
async function signIn(event) {
  event.preventDefault();
  const [name, password, code] = ["name", "password", "code"].map((id) => byId(id).value);
  tell("");
  wait(true);
  try {
    await send("POST", "/api/session", { name, password, ...(code ? { totp: code } : {}) });
    location.replace(target());
  } catch (error) {
    wait(false);
    const asksCode = error instanceof ApiError && error.where === "totp";
    if (asksCode && byId("code-field").hidden) {
      byId("code-field").hidden = false;
      byId("code").required = true;
      byId("code").focus();
      return;
    }
    tell(/** @type {Error} */ (error).message.replace(/^totp: /, ""));
    const again = byId(asksCode ? "code" : "password");
    again.select();
    again.focus();
  }
}

/** @param {any} event */
function showPassword(event) {
  const field = byId("password");
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  const words = t(shown ? "login.hide" : "login.show");
  event.currentTarget.setAttribute("aria-pressed", String(shown));
  event.currentTarget.setAttribute("aria-label", words);
  event.currentTarget.title = words;
  field.focus();
}

async function start() {
  await setLanguage(document.documentElement.dataset.lang ?? "zh");
  byId("login").addEventListener("submit", signIn);
  byId("show").addEventListener("click", showPassword);
  const next = byId("continue");
  if (next) next.href = target();
  const elsewhere = byId("elsewhere");
  if (elsewhere) elsewhere.href += `&next=${encodeURIComponent(target())}`;
  // the other language keeps where to go
  byId("language").addEventListener("click", (/** @type {any} */ event) => {
    const url = new URL(location.href);
    url.searchParams.set("lang", event.currentTarget.dataset.to);
    event.currentTarget.href = url.href;
  });
  document.body.classList.add("ready");
}

start().catch((error) => tell(error.message));
