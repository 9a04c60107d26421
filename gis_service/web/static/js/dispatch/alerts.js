/** Urgent incidents make themselves heard: a sound, and a number in the title. */

import { byId, icon } from "../dom.js";
import { t } from "../i18n.js";
import { desk, on, rowOf } from "./desk.js";

const KEY = "dispatch.sound";
/** @type {AudioContext|null} */
let audio = null;
/** @type {Set<number>} urgent ones that nobody opened yet */
const unseen = new Set();
let title = "";

const wanted = () => localStorage.getItem(KEY) !== "off";

/** @param {string} name of the page */
export function startAlerts(name) {
  title = name;
  byId("sound").addEventListener("click", () => {
    // a browser plays nothing before it was touched: the first touch may just wake it
    const blocked = wanted() && audio?.state !== "running";
    if (!blocked) localStorage.setItem(KEY, wanted() ? "off" : "on");
    void wake().then(() => { if (wanted()) ring(); draw(); });
  });
  for (const touch of ["pointerdown", "keydown"]) {
    window.addEventListener(touch, () => void wake().then(draw), { once: true });
  }
  on("arrived", (/** @type {import("./query.js").Incident[]} */ items) => {
    const urgent = items.filter((item) => item.urgent);
    for (const item of urgent) unseen.add(item.id);
    if (urgent.length && wanted()) ring();
    badge();
  });
  on("changed", ({ items, gone }) => {
    for (const item of items) if (item.state !== "reported") unseen.delete(item.id);
    for (const id of gone) unseen.delete(id);
    badge();
  });
  on("moved", () => {
    if (desk.open !== null && unseen.delete(desk.open)) badge();
  });
  draw();
}

async function wake() {
  if (!wanted()) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") await Promise.race([audio.resume(), new Promise((done) => { setTimeout(done, 200); })]);
}

/** Two falling tones, twice. */
function ring() {
  if (audio?.state !== "running") {
    draw();
    return;
  }
  const start = audio.currentTime + 0.02;
  for (const [at, pitch] of [[0, 880], [0.2, 660], [0.5, 880], [0.7, 660]]) {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start + at);
    volume.gain.exponentialRampToValueAtTime(0.25, start + at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + at + 0.18);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + at);
    tone.stop(start + at + 0.2);
  }
  performance.mark("dispatch-ring");
}

function badge() {
  document.title = unseen.size ? `(${unseen.size}) ${title}` : title;
  const box = byId("urgent-count");
  box.hidden = !unseen.size;
  box.textContent = t("dispatch.urgentNew", { n: unseen.size });
}

/** @returns {number|null} the urgent one that waits longest */
export const firstUnseen = () => [...unseen].find((id) => rowOf(id)) ?? [...unseen][0] ?? null;

function draw() {
  const button = byId("sound");
  const state = !wanted() ? "off" : audio?.state === "running" ? "on" : "blocked";
  const label = t(`dispatch.sound.${state}`);
  button.dataset.state = state;
  button.setAttribute("aria-pressed", String(state !== "off"));
  button.title = label;
  button.setAttribute("aria-label", label);
  button.replaceChildren(icon(state === "off" ? "sound-off" : "sound"));
}
