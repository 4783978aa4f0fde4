/* The live dashboard: hears the state, draws what changed, at most so often that a hand can still hit it. */

import { listen } from "./acts.js";
import { drawAlerts } from "./alerts.js";
import { drawChoices, drawForming, tradesChanged, watchChart } from "./chart.js";
import { Connection } from "./connection.js";
import { byId, el, fill, setText } from "./dom.js";
import { durationText, localText } from "./format.js";
import { drawJournal, drawOrders, drawPrices } from "./market.js";
import { forget, keep, keepFrame, readKept } from "./kept.js";
import { drawHealth, drawLimits, drawMoney, drawProtected, drawWhy } from "./overview.js";
import { applyEvent, applyLive, applyPrices, applySnapshot } from "./state.js";
import { drawClosedTrades, drawOpenTrades } from "./trades.js";
import { ageText, serverNow, state } from "./view.js";
import { drawWork } from "./work.js";
import { drawWorkers } from "./workers.js";

/* Prices come many times a second; an eye follows ten pictures a second. */
const DRAW_EVERY_MS = 100;
const dirty = new Set();
let drawnAt = 0;
let isWaiting = false;
let status = "connecting";
let isDrawn = false;

const DRAW = {
  bar: [drawBar],
  stored: [drawProtected, drawWhy, drawMoney, drawOpenTrades, drawClosedTrades, drawWorkers, drawOrders, drawJournal, tradesChanged],
  prices: [drawPrices, drawOpenTrades, drawMoney, drawChoices, drawForming],
  live: [drawAlerts, drawHealth, drawProtected, drawWhy, drawMoney, drawPrices, drawWorkers, drawWork, drawLimits],
};

function drawBar() {
  const chipNode = byId("connection");
  setText(chipNode, { live: "live", offline: "reconnecting, not live" }[status] ?? status);
  chipNode.dataset.tone = status === "live" ? "good" : "bad";
  const page = byId("page");
  page.classList.toggle("offline", status !== "live");
  page.setAttribute("aria-busy", status === "connecting" ? "true" : "false");
  drawStale();
  if (!state.control) return;
  const text = { ACTIVE: "active", REDUCING: "exits only", HALTED: "halted" }[state.control.state];
  fill("control", el("span", {}, "trading "), text);
  byId("control").dataset.tone = { ACTIVE: "good", REDUCING: "warn" }[state.control.state] ?? "bad";
}

/* What is not live says so, and since when: an old "protected" must not be taken for a new one. */
function drawStale() {
  const asOf = state.live?.at_ms;
  byId("stale").hidden = status === "live" || !asOf;
  if (asOf) setText(byId("stale"), `Not live: this is how it was at ${localText(asOf, serverNow())}, ${durationText(serverNow() - asOf)} ago.`);
}

function showKept() {
  const snapshot = readKept();
  if (!snapshot) return;
  applySnapshot(state, snapshot);
  state.skewMs = 0; /* its age is told by this machine's clock */
  redraw("bar", "stored", "prices", "live");
}

/* A message leads to a card that is hidden until it has something to show. */
function goToNamed() {
  if (location.hash && !isDrawn) byId(location.hash.slice(1))?.scrollIntoView();
  isDrawn = true;
}

function redraw(...names) {
  names.forEach((name) => dirty.add(name));
  if (isWaiting) return;
  isWaiting = true;
  setTimeout(() => requestAnimationFrame(draw), Math.max(DRAW_EVERY_MS - (performance.now() - drawnAt), 0));
}

function draw() {
  isWaiting = false;
  drawnAt = performance.now();
  const jobs = new Set([...dirty].flatMap((name) => DRAW[name]));
  dirty.clear();
  /* Before the first snapshot nothing is known, and "nothing is held" would be a lie. */
  if (state.control) byId("page").classList.add("known");
  jobs.forEach((job) => { if (state.control || job === drawBar) job(); });
  if (state.control && status === "live") goToNamed();
}

function tick() {
  for (const node of document.querySelectorAll("time[data-ms]")) setText(node, ageText(Number(node.dataset.ms)));
  if (status !== "live") redraw("bar");
  redraw("live");
}

listen();
watchChart();
showKept();
new Connection({
  onSnapshot: (snapshot) => { applySnapshot(state, snapshot); keep(snapshot); redraw("bar", "stored", "prices", "live"); },
  onEvent: (event) => { applyEvent(state, event); redraw("bar", "stored"); },
  onPrices: (prices) => { applyPrices(state, prices); redraw("prices"); },
  onLive: (live) => { applyLive(state, live); redraw("live"); },
  onStatus: (text) => { status = text; redraw("bar"); },
  onLoggedOut: forget,
});
setInterval(tick, 1000);
keepFrame();
