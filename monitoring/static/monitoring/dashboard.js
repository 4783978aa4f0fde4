/* The live dashboard: draws the state and sends the operator's acts. All text goes in as text, never as
   markup. Drawing happens once per frame and only where something changed. */

import { Connection } from "./connection.js";
import {
  amountText, applyEvent, applyLive, applyPrices, applySnapshot, durationText, emptyState, isHeld, openPnl,
  priceText, universeText, utcText,
} from "./state.js";
import { act, askKill, askWorker } from "./acts.js";

const state = emptyState();
const page = document.getElementById("page");
const canOperate = page.dataset.canOperate === "yes";
const STALE_PRICE_MS = 5000;
const dirty = new Set();
let status = "connecting";

const byId = (id) => document.getElementById(id);
const serverNow = () => Date.now() + state.skewMs;

/* ---------- drawing tools ---------- */

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") node.style.cssText = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function fill(id, ...children) {
  byId(id).replaceChildren(...children.flat().filter(Boolean));
}

function chip(text, tone, title) {
  return el("span", { class: "chip", "data-tone": tone, title }, text);
}

function moment(ms) {
  const age = el("time", { title: utcText(ms), datetime: ms ? new Date(ms).toISOString() : null, "data-ms": ms });
  age.textContent = ms ? `${durationText(serverNow() - ms)} ago` : "";
  return age;
}

function money(value, asset, options) {
  const number = Number(value);
  const tone = value === null || value === undefined || !options?.signed || number === 0 ? "" : number > 0 ? "gain" : "loss";
  return el("span", { class: `number ${tone}` }, amountText(value, options), asset ? el("small", {}, ` ${asset}`) : null);
}

function minus(number, decimals) {
  const text = number.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
}

function empty(text) {
  return el("p", { class: "empty" }, text);
}

function button(text, onclick, tone = "plain") {
  return el("button", { type: "button", class: `button ${tone}`, onclick }, text);
}

/* ---------- the three questions ---------- */

function answer(id, tone, text, ...detail) {
  const card = byId(id);
  card.dataset.tone = tone;
  card.querySelector(".answer").textContent = text;
  card.querySelector(".detail").replaceChildren(...detail);
}

function drawProtected() {
  const held = state.openTrades.filter(isHeld);
  const bare = held.filter((trade) => !trade.is_protected);
  const total = state.live?.unprotected_s_total;
  const sofar = `${total === undefined ? "?" : total.toFixed(total < 10 ? 2 : 0)} unprotected seconds in all trades so far`;
  if (!held.length) answer("q-protected", "quiet", "Nothing is held", `${sofar}.`);
  else if (!bare.length) answer("q-protected", "good", `Yes: ${held.length} of ${held.length} protected`, `${whereExitsAre(held)} ${sofar}.`);
  else {
    const names = bare.map((trade) => `${trade.symbol} ${durationText(serverNow() - (trade.unprotected_since_ms ?? serverNow()))}`);
    answer("q-protected", "bad", `No: ${bare.length} of ${held.length} unprotected`, `${names.join(", ")}. ${sofar}.`);
  }
}

/* A symbol without order lists has its exits partly watched by us, which is less than an exchange's order. */
function whereExitsAre(held) {
  const watched = held.filter((trade) => trade.protection === "SUPERVISED").map((trade) => trade.symbol);
  if (!watched.length) return "All exits rest on the exchange.";
  return `${held.length - watched.length} with exits on the exchange, supervised from here: ${watched.join(", ")}.`;
}

function newestDecision() {
  const rows = Object.entries(state.live?.why_not ?? {})
    .flatMap(([id, why]) => why.decisions.map((decision) => ({ ...decision, worker: workerName(Number(id)) })));
  return rows.sort((a, b) => (b.arrived_ms ?? 0) - (a.arrived_ms ?? 0))[0];
}

function countCodes(whys) {
  const counts = {};
  for (const why of whys) for (const [code, number] of Object.entries(why.counts)) counts[code] = (counts[code] ?? 0) + number;
  return Object.entries(counts).sort((a, b) => b[1] - a[1]);
}

function drawWhy() {
  const trading = state.control?.state ?? "ACTIVE";
  const active = state.workers.filter((worker) => worker.state === "ACTIVE");
  const top = countCodes(Object.values(state.live?.why_not ?? {})).slice(0, 3);
  const newest = newestDecision();
  const detail = top.length ? [`Most often: ${top.map(([code, number]) => `${code} ${number.toLocaleString("en-US")}×`).join(", ")}.`] : ["No worker decided anything so far."];
  if (trading !== "ACTIVE") answer("q-why", "warn", `Trading is ${trading}`, `Set by ${state.control.changed_by}: ${state.control.reason || "no reason given"}. `, moment(state.control.changed_at_ms));
  else if (!active.length) answer("q-why", "quiet", "No worker is active", ...detail);
  else if (newest) answer("q-why", newest.trade_id ? "good" : "quiet", `${newest.symbol}: ${newest.code}`, `${newest.worker} `, moment(newest.arrived_ms), `. ${newest.detail ?? ""} `, ...detail);
  else answer("q-why", "quiet", "No decision yet", ...detail);
}

function drawMoney() {
  const open = openTotals();
  const rows = state.figures;
  if (!rows.length) {
    answer("q-money", "quiet", "No trade closed yet", ...Object.entries(open).map(([asset, value]) => el("span", {}, "Open now ", money(value, asset, { signed: true }))));
    return;
  }
  const total = rows.reduce((sum, row) => sum + Number(row.pnl), 0);
  const tone = rows.length > 1 ? "quiet" : total > 0 ? "good" : total < 0 ? "bad" : "quiet";
  const texts = rows.map((row) => `${amountText(row.pnl, { signed: true })} ${row.quote_asset}`);
  const verdict = rows.length > 1 ? "" : total > 0 ? "Yes: " : total < 0 ? "No: " : "";
  answer("q-money", tone, verdict + texts.join(", "), ...rows.flatMap((row) => figuresOf(row, open[row.quote_asset])));
}

function figuresOf(row, openValue) {
  const known = row.trades - row.unknown;
  const losses = Math.abs(Number(row.losses));
  const factor = losses ? (Number(row.gains) / losses).toFixed(2) : "?";
  const parts = [
    `${known ? Math.round((100 * row.wins) / known) : "?"} % of ${row.trades.toLocaleString("en-US")} won, profit factor ${factor}, `,
    `${amountText(row.fees)} ${row.quote_asset} fees paid. Last 24 h `, money(row.pnl_24h, row.quote_asset, { signed: true }),
  ];
  if (openValue !== undefined) parts.push(", open now ", money(openValue, row.quote_asset, { signed: true }));
  if (row.unknown) parts.push(`. PnL of ${row.unknown} trades is not known`);
  return parts;
}

function openTotals() {
  const totals = {};
  for (const trade of state.openTrades) {
    const pnl = openPnl(trade, state.prices.get(trade.symbol));
    if (pnl !== null) totals[trade.quote_asset] = (totals[trade.quote_asset] ?? 0) + pnl;
  }
  return totals;
}

/* ---------- trades ---------- */

function workerName(id) {
  return state.workers.find((worker) => worker.id === id)?.name ?? `worker ${id}`;
}

function drawOpenTrades() {
  byId("open-count").textContent = state.openTrades.length || "";
  if (!state.openTrades.length) fill("open-trades", empty("No trade is open."));
  else fill("open-trades", state.openTrades.map(openTrade));
}

function openTrade(trade) {
  const price = state.prices.get(trade.symbol);
  const step = state.tickSizes[trade.symbol];
  const pnl = openPnl(trade, price);
  const basis = Number(trade.avg_entry_price) * Number(trade.qty);
  return el("article", { class: "trade", "data-symbol": trade.symbol },
    el("div", { class: "row" },
      el("strong", { class: "symbol" }, trade.symbol), protection(trade), el("span", { class: "grow" }),
      money(pnl, trade.quote_asset, { signed: true })),
    road(trade, price, step),
    el("div", { class: "row facts" },
      el("span", {}, el("small", {}, "qty "), amountPlain(trade.qty)),
      el("span", {}, el("small", {}, "entry "), priceText(trade.avg_entry_price, step)),
      el("span", {}, el("small", {}, "now "), price ? priceText(price.bid, step) : "?"),
      pnl !== null && basis ? el("span", {}, el("small", {}, "return "), `${minus((10000 * pnl) / basis, 0)} bps`) : null,
      el("span", { class: "grow" }),
      el("small", {}, `${workerName(trade.worker_id)} · ${trade.state.toLowerCase()} · `, moment(trade.opened_at_ms))));
}

function amountPlain(text) {
  return String(text);
}

function protection(trade) {
  if (trade.exit_reason && isHeld(trade)) return chip(`being sold · ${trade.is_protected ? "protected" : "unprotected"}`, trade.is_protected ? "warn" : "bad", trade.exit_reason.toLowerCase());
  if (!isHeld(trade)) return chip("entry working", "quiet");
  if (trade.is_protected && trade.protection === "SUPERVISED") return chip("supervised", "good", "The symbol allows no order list; exits are watched from here");
  if (trade.is_protected) return chip(`protected · ${trade.protection}`, "good", "The exits rest on the exchange");
  return chip(`unprotected ${durationText(serverNow() - (trade.unprotected_since_ms ?? serverNow()))}`, "bad");
}

/* Where the price stands between stop and take profit. */
function road(trade, price, step) {
  const stop = Number(trade.stop_price), target = Number(trade.take_profit_price);
  const place = (value) => Math.min(Math.max((100 * (value - stop)) / (target - stop), 0), 100).toFixed(1);
  const track = el("div", { class: "road" }, el("i", { class: "entry", style: `left:${place(Number(trade.avg_entry_price))}%` }));
  if (price) track.append(el("i", { class: "now", style: `left:${place(Number(price.bid))}%` }));
  return el("div", { class: "road-line" },
    el("small", { class: "number", title: "Stop" }, priceText(trade.stop_price, step)), track,
    el("small", { class: "number", title: "Take profit" }, priceText(trade.take_profit_price, step)));
}

function drawClosedTrades() {
  const count = state.figures.reduce((sum, row) => sum + row.trades, 0);
  byId("closed-count").textContent = count ? count.toLocaleString("en-US") : "";
  if (!state.closedTrades.length) { fill("closed-trades", el("tbody", {}, el("tr", {}, el("td", {}, empty("No trade was closed yet."))))); return; }
  const head = el("thead", {}, el("tr", {}, ...["Symbol", "PnL after fees", "Return", "Exit", "Held", "Entry", "Exit price", "Slippage in / out", "Closed"].map((text) => el("th", { scope: "col" }, text))));
  fill("closed-trades", head, el("tbody", {}, ...state.closedTrades.map(closedTrade)));
}

function closedTrade(trade) {
  const step = state.tickSizes[trade.symbol];
  const ratio = trade.realised_pnl !== null && Number(trade.entry_notional) ? Number(trade.realised_pnl) / Number(trade.entry_notional) : null;
  return el("tr", {},
    el("th", { scope: "row", title: workerName(trade.worker_id) }, trade.symbol),
    el("td", {}, money(trade.realised_pnl, trade.quote_asset, { signed: true })),
    el("td", { class: "number" }, ratio === null ? "?" : `${minus(10000 * ratio, 1)} bps`),
    el("td", {}, trade.exit_reason.toLowerCase().replaceAll("_", " ")),
    el("td", {}, trade.opened_at_ms ? durationText(trade.closed_at_ms - trade.opened_at_ms) : "?"),
    el("td", { class: "number" }, priceText(trade.avg_entry_price, step)),
    el("td", { class: "number" }, priceText(trade.avg_exit_price, step)),
    el("td", { class: "number", title: "Worse than decided, in bps; better is negative" }, `${slippage(trade.entry_slippage_bps)} / ${slippage(trade.exit_slippage_bps)}`),
    el("td", {}, moment(trade.closed_at_ms)));
}

function slippage(bps) {
  return bps === null ? "?" : minus(Number(bps), 1);
}

/* ---------- workers ---------- */

const WORKER_TONE = { ACTIVE: "good", DRAINING: "warn", STOPPED: "quiet" };

function drawWorkers() {
  const active = state.workers.filter((worker) => worker.state === "ACTIVE").length;
  byId("worker-count").textContent = state.workers.length ? `${active} of ${state.workers.length} active` : "";
  if (!state.workers.length) fill("workers", empty("No worker yet. Make one in the admin."));
  else fill("workers", state.workers.map(worker));
}

function worker(row) {
  const codes = countCodes([state.live?.why_not?.[row.id] ?? { counts: {} }]).slice(0, 3);
  const open = state.openTrades.filter((trade) => trade.worker_id === row.id).length;
  const isStopped = row.state === "ACTIVE" && state.control && state.control.state !== "ACTIVE";
  const facts = [row.strategy, row.interval, universeText(row.universe), `${amountText(row.trade_notional)} a trade`, `${open} open`];
  return el("article", { class: "worker" },
    el("div", { class: "grow" },
      el("div", { class: "row" }, el("a", { href: `/admin/trading/worker/${row.id}/change/`, class: "name" }, row.name), chip(row.state.toLowerCase(), WORKER_TONE[row.state] ?? "quiet", utcText(row.state_changed_at_ms)),
        isStopped ? chip(`trading ${state.control.state.toLowerCase()}`, "warn", "It opens nothing until trading is active again") : null),
      el("small", {}, facts.filter(Boolean).join(" · ")),
      codes.length ? el("small", { class: "codes" }, codes.map(([code, number]) => `${code} ${number.toLocaleString("en-US")}×`).join("  ")) : null),
    canOperate ? el("div", { class: "buttons" }, ...workerButtons(row)) : null);
}

function workerButtons(row) {
  const to = (name, text, tone) => button(text, () => act(`/act/workers/${row.id}/${name}`), tone);
  const more = button("Flatten…", () => askWorker(row), "danger-plain");
  if (row.state === "ACTIVE") return [to("stop", "Stop"), to("drain", "Drain"), more];
  if (row.state === "DRAINING") return [to("stop", "Stop"), to("start", "Resume"), more];
  return [to("start", "Start", "primary"), more];
}

/* ---------- limits of the account ---------- */

function drawLimits() {
  const rows = (state.live?.limits ?? []).filter((row) => row.max_exposure ?? row.max_symbol_exposure ?? row.max_daily_loss);
  byId("limits-card").hidden = !rows.length;
  fill("limits", rows.flatMap((row) => [
    limit("At risk", row.exposure, row.max_exposure, row.quote_asset),
    limit(`In one symbol${row.largest_symbol ? ` (${row.largest_symbol})` : ""}`, row.largest_symbol_exposure, row.max_symbol_exposure, row.quote_asset),
    limit("Lost since 00:00 UTC", row.daily_loss, row.max_daily_loss, row.quote_asset),
    row.daily_loss_reached ? el("p", { class: "loss" }, `No new entries in ${row.quote_asset} until 00:00 UTC, or until the limit is raised. Exits go on.`) : null,
  ]));
}

function limit(name, value, most, asset) {
  if (most === null) return null;
  const share = Math.min((100 * Number(value)) / Number(most), 100);
  return el("div", { class: "limit", "data-tone": share >= 100 ? "bad" : share >= 80 ? "warn" : "good" },
    el("div", { class: "row" }, el("span", {}, name), el("span", { class: "grow" }),
      el("span", { class: "number" }, `${amountText(value)} of ${amountText(most)}`, el("small", {}, ` ${asset}`))),
    el("div", { class: "gauge" }, el("i", { style: `width:${share.toFixed(1)}%` })));
}

/* ---------- health, prices, orders, journal ---------- */

function drawHealth() {
  const live = state.live;
  if (!live) return;
  const { score, losses, unknown } = live.health;
  const tone = score >= 80 ? "good" : score >= 70 ? "warn" : "bad";
  const api = live.api ?? {};
  const facts = [
    ["Feed", streamText(live.feed)], ["User stream", streamText(live.user_stream)],
    ["API weight", api.weight_1m === undefined || api.weight_1m === null ? "not known" : `${api.weight_1m} of ${api.weight_limit} in this minute`],
    ["API requests", api.requests_1m === undefined || api.requests_1m === null ? "not known" : `${api.requests_1m} of ${api.requests_limit} a minute${api.latency_ms ? `, ${api.latency_ms.toFixed(1)} ms mean` : ""}`],
    ["API errors", api.errors_ratio === undefined || api.errors_ratio === null ? "not known" : `${(100 * api.errors_ratio).toFixed(2)} %`],
    ["Processes", live.processes.length ? live.processes.map((process) => process.name).join(", ") : "none known"],
  ];
  fill("health",
    el("div", { class: "row" },
      el("div", { class: "score", "data-tone": tone, style: `--score:${score}`, role: "img", "aria-label": `Health ${score} of 100` }, el("b", {}, String(score))),
      el("ul", { class: "losses" }, ...(losses.length
        ? losses.map((loss) => el("li", {}, el("b", { class: "number" }, `\u2212${loss.points}`), ` ${loss.text} `, el("code", {}, loss.code)))
        : [el("li", {}, "Nothing takes points away.")]))),
    el("dl", { class: "facts" }, ...facts.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])),
    unknown.length ? el("p", { class: "empty" }, `Not known: ${unknown.join(", ")}`) : null);
}

function streamText(stream) {
  if (!stream) return "not known";
  const uptime = stream.uptime_ratio === null ? "" : `, up ${(100 * stream.uptime_ratio).toFixed(2)} %`;
  return `${stream.connected ? "connected" : "NOT CONNECTED"}, ${durationText(stream.age_ms)} old${uptime}`;
}

function drawPrices() {
  const symbols = [...state.prices.keys()].sort();
  byId("price-count").textContent = symbols.length || "";
  if (!symbols.length) { fill("prices", empty("No price has come yet.")); return; }
  const box = byId("prices");
  if (box.childElementCount !== symbols.length || box.firstElementChild.dataset.symbol !== symbols[0]) {
    box.replaceChildren(...symbols.map((symbol) => el("div", { class: "price", "data-symbol": symbol },
      el("span", { class: "symbol" }, symbol), el("span", { class: "number bid" }), el("span", { class: "number ask" }), el("small", { class: "age" }))));
  }
  for (const row of box.children) drawPrice(row);
}

function drawPrice(row) {
  const { symbol } = row.dataset;
  const price = state.prices.get(symbol);
  const [, bid, ask, age] = row.children;
  const before = Number(row.dataset.bid ?? price.bid);
  if (before !== Number(price.bid)) {
    row.dataset.move = Number(price.bid) > before ? "up" : "down";
    row.dataset.bid = price.bid;
  } else if (!row.dataset.bid) row.dataset.bid = price.bid;
  const step = state.tickSizes[symbol];
  setText(bid, priceText(price.bid, step));
  setText(ask, priceText(price.ask, step));
  const ageMs = serverNow() - price.arrivalMs;
  setText(age, ageMs < 1000 ? "now" : durationText(ageMs));
  row.classList.toggle("stale", ageMs > STALE_PRICE_MS);
  row.title = utcText(price.arrivalMs);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function drawOrders() {
  const tone = (status) => ({ FILLED: "good", REJECTED: "bad", DENIED: "bad", SUBMITTED: "warn" })[status] ?? "quiet";
  if (!state.orders.length) { fill("orders", empty("No order yet.")); return; }
  fill("orders", state.orders.slice(0, 12).map((order) => el("div", { class: "row line", title: `${order.client_order_id} ${order.reason}` },
    el("span", {}, `${order.symbol} ${order.role.toLowerCase().replace("_", " ")}`), chip(order.status.toLowerCase().replace("_", " "), tone(order.status)),
    el("span", { class: "grow" }), moment(order.created_at_ms),
    order.reason ? el("small", { class: "whole" }, order.reason) : null)));
}

function drawJournal() {
  if (!state.journal.length) { fill("journal", empty("Nothing was changed yet.")); return; }
  fill("journal", state.journal.slice(0, 12).map((entry) => el("div", { class: "row line" },
    el("span", {}, entry.action), el("small", {}, `${entry.subject} by ${entry.actor}`), el("span", { class: "grow" }), moment(entry.at_ms),
    entry.reason ? el("small", { class: "whole" }, entry.reason) : null)));
}

function drawBar() {
  const chipNode = byId("connection");
  chipNode.textContent = { live: "live", offline: "reconnecting" }[status] ?? status;
  chipNode.dataset.tone = status === "live" ? "good" : "bad";
  page.classList.toggle("offline", status !== "live");
  page.setAttribute("aria-busy", status === "connecting" ? "true" : "false");
  if (!state.control) return;
  byId("control").replaceChildren(el("span", {}, "trading "), state.control.state.toLowerCase());
  byId("control").dataset.tone = { ACTIVE: "good", REDUCING: "warn" }[state.control.state] ?? "bad";
}

/* ---------- what is redrawn when ---------- */

const DRAW = {
  bar: [drawBar], stored: [drawProtected, drawWhy, drawMoney, drawOpenTrades, drawClosedTrades, drawWorkers, drawOrders, drawJournal],
  prices: [drawPrices, drawOpenTrades, drawMoney], live: [drawHealth, drawProtected, drawWhy, drawPrices, drawLimits],
};

function redraw(...names) {
  if (!dirty.size) requestAnimationFrame(draw);
  names.forEach((name) => dirty.add(name));
}

function draw() {
  const jobs = new Set([...dirty].flatMap((name) => DRAW[name]));
  dirty.clear();
  /* Before the first snapshot nothing is known, and "nothing is held" would be a lie. */
  jobs.forEach((job) => { if (state.control || job === drawBar) job(); });
}

function tickAges() {
  for (const node of document.querySelectorAll("time[data-ms]")) setText(node, `${durationText(serverNow() - Number(node.dataset.ms))} ago`);
  redraw("live");
}

new Connection({
  onSnapshot: (snapshot) => { applySnapshot(state, snapshot); redraw("bar", "stored", "prices", "live"); },
  onEvent: (event) => { applyEvent(state, event); redraw("bar", "stored"); },
  onPrices: (prices) => { applyPrices(state, prices); redraw("prices"); },
  onLive: (live) => { applyLive(state, live); redraw("live"); },
  onStatus: (text) => { status = text; redraw("bar"); },
});
setInterval(tickAges, 1000);
byId("open-kill")?.addEventListener("click", () => askKill(state));
