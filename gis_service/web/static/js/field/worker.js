/**
 * Keeps the field page usable without a network. The page and its files come from the network where
 * it answers, else from the copy kept here; lists are kept too and told to be old by the page.
 * `FILES` and `VERSION` are written in front by the service.
 */

/* global FILES, VERSION */
const SHELL = `field-${VERSION}`;
const DATA = "field-data";
const SLOW = 4000; // ms after which a copy is shown though the network may still answer
const KEPT = ["/api/district", "/api/classes", "/api/session", "/api/incidents", "/api/units", "/api/coverage", "/api/layers", "/styles/map.json"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("field-") && name !== SHELL && name !== DATA) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  // signed out: what was kept goes, since the page and the lists say whose they were
  if (event.data === "forget") event.waitUntil(caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name)))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (FILES.includes(url.pathname)) event.respondWith(answer(request, SHELL, url.pathname));
  else if (KEPT.some((path) => url.pathname === path)) event.respondWith(answer(request, DATA, url.pathname + url.search));
});

/** The network's answer, or the copy under `key` where it fails or is slow. */
async function answer(request, store, key) {
  const cache = await caches.open(store);
  const copy = await cache.match(key);
  const fresh = fetch(request).then(async (response) => {
    if (response.ok) await cache.put(key, response.clone());
    return response;
  });
  if (!copy) return fresh;
  const slow = new Promise((resolve) => { setTimeout(resolve, SLOW, null); });
  fresh.catch(() => null);
  const response = await Promise.race([fresh.catch(() => null), slow]);
  // who was signed out must not go on with a copy
  return response ?? old(copy);
}

/** A copy that says so. */
async function old(copy) {
  const headers = new Headers(copy.headers);
  headers.set("X-From-Copy", "1");
  return new Response(await copy.blob(), { status: copy.status, headers });
}
