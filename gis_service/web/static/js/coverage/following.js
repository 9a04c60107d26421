/** Keeps list, map and card true while officers walk and contracts change. */

import { app } from "../app.js";
import { byId } from "../dom.js";
import { drawConnection, startLive } from "../live.js";
import { complain } from "../messages.js";
import { renewCard } from "./card.js";
import { load } from "./plan.js";

/** ms: changes of so short a time are asked for together. */
const TOGETHER = 300;
/**
 * ms between two questions at the least, and by chance on top of it: phones send all day, and not
 * every page asks in the same moment.
 */
const [BETWEEN, APART] = [10_000, 5000];

let asked = -Infinity;
let waiting = 0;

export function startFollowing() {
  const box = byId("live");
  drawConnection(box, "waiting");
  startLive({
    hello: () => {},
    incidents: () => {},
    coverage: follow,
    reload: follow,
    connection: (now) => {
      drawConnection(box, now);
      if (now === "signed-out") complain("", { status: 401 });
    },
  }, { after: app.district.data_version, onlySeen: true });
}

function follow() {
  waiting ||= window.setTimeout(async () => {
    waiting = 0;
    asked = performance.now();
    await load();
    renewCard();
  }, Math.max(TOGETHER, asked + BETWEEN + Math.random() * APART - performance.now()));
}
