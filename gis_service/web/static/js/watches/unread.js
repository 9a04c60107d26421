/** How many notices are unread, beside the links that lead to them. */

import { getJSON } from "../api.js";

const EVERY_MS = 30000;

async function show() {
  const { unread } = await getJSON("/api/notices", { limit: 1 });
  for (const place of document.querySelectorAll("[data-unread]")) {
    /** @type {HTMLElement} */ (place).hidden = !unread;
    place.textContent = unread > 99 ? "99+" : String(unread);
  }
}

// whatever keeps the number away, the page is of use without it
const quietly = () => void show().catch(() => undefined);
quietly();
setInterval(() => { if (!document.hidden) quietly(); }, EVERY_MS);
