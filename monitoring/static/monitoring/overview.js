/* The first screen: the three questions, what the account is worth, health with every lost point, limits. */

import { amountText, countText, durationText, percentText, plainCode, secondsText } from "./format.js";
import { byId, el, fill } from "./dom.js";
import { equityOf, isHeld, openTotals, workerName } from "./state.js";
import { age, decisionText, money, serverNow, state } from "./view.js";

function answer(id, tone, text, ...detail) {
  const card = byId(id);
  card.dataset.tone = tone;
  fill(card.querySelector(".answer"), text);
  fill(card.querySelector(".detail"), ...detail);
}

/* ---------- is my money protected? ---------- */

export function drawProtected() {
  const held = state.openTrades.filter(isHeld);
  const bare = held.filter((trade) => !trade.is_protected);
  const total = state.live?.unprotected_s_total;
  const sofar = `Unprotected: ${secondsText(bareToday())} in today's trades, ${secondsText(total)} in all so far.`;
  if (!held.length) answer("q-protected", "quiet", "Nothing is held", sofar);
  else if (!bare.length) answer("q-protected", "good", `Yes: ${held.length} of ${held.length} protected`, `${whereExitsAre(held)} ${sofar}`);
  else {
    const names = bare.map((trade) => `${trade.symbol} for ${durationText(bareMs(trade))}`);
    answer("q-protected", "bad", `No: ${bare.length} of ${held.length} unprotected`, `${names.join(", ")}. ${sofar}`);
  }
}

function bareMs(trade) {
  return trade.unprotected_since_ms ? Math.max(serverNow() - trade.unprotected_since_ms, 0) : 0;
}

function bareToday() {
  const closed = state.today.reduce((sum, row) => sum + row.unprotected_s, 0);
  return state.openTrades.reduce((sum, trade) => sum + trade.unprotected_s + bareMs(trade) / 1000, closed);
}

/* A symbol without order lists has its exits partly watched by us, which is less than an exchange's order. */
function whereExitsAre(held) {
  const watched = held.filter((trade) => trade.protection === "SUPERVISED").map((trade) => trade.symbol);
  if (!watched.length) return "All exits rest on the exchange.";
  return `${held.length - watched.length} with exits on the exchange; watched from here: ${watched.join(", ")}.`;
}

/* ---------- why did it (not) trade? ---------- */

export function countCodes(whys) {
  const counts = {};
  for (const why of whys) for (const [code, number] of Object.entries(why.counts)) counts[code] = (counts[code] ?? 0) + number;
  return Object.entries(counts).sort((a, b) => b[1] - a[1]);
}

function newestDecision() {
  const rows = Object.entries(state.live?.why_not ?? {})
    .flatMap(([id, why]) => why.decisions.map((decision) => ({ ...decision, worker: workerName(state, Number(id)) })));
  return rows.sort((a, b) => (b.arrived_ms ?? 0) - (a.arrived_ms ?? 0))[0];
}

export function drawWhy() {
  const trading = state.control?.state ?? "ACTIVE";
  const active = state.workers.filter((worker) => worker.state === "ACTIVE");
  const newest = newestDecision();
  const [top] = countCodes(Object.values(state.live?.why_not ?? {}));
  const often = top ? ` Most often, ${countText(top[1])} times: ${decisionText(top[0])}` : "";
  if (trading !== "ACTIVE") {
    answer("q-why", "warn", trading === "HALTED" ? "Trading is halted" : "Trading is set to exits only",
      `By ${state.control.changed_by}, `, age(state.control.changed_at_ms), `: ${state.control.reason || "no reason given"}.`);
  } else if (!state.workers.length) answer("q-why", "quiet", "There is no worker", "Make one below; it says at every candle why it did or did not trade.");
  else if (!active.length) answer("q-why", "quiet", "No worker is active", "Start one below.", often);
  else if (newest) answer("q-why", newest.trade_id ? "good" : "quiet", `${newest.symbol}: ${decisionText(newest.code)}`, `${newest.worker}, `, age(newest.arrived_ms), ".", often);
  else answer("q-why", "quiet", "No decision yet", "The first one comes with the next candle that closes.");
}

/* ---------- is it making money after fees? ---------- */

export function drawMoney() {
  const open = openTotals(state);
  const assets = [...new Set([...state.figures, ...state.today].map((row) => row.quote_asset).concat(Object.keys(open)))];
  const holdings = state.live?.holdings ?? [];
  const parts = [...new Set([...assets, ...holdings.map((row) => row.quote_asset)])].sort().map((asset) => accountOf(asset, open[asset], holdings));
  const total = state.figures.reduce((sum, row) => sum + Number(row.pnl), 0);
  if (!state.figures.length) answer("q-money", "quiet", "No trade is closed yet", ...parts);
  else if (state.figures.length > 1) answer("q-money", "quiet", state.figures.map((row) => `${amountText(row.pnl, { signed: true })} ${row.quote_asset}`).join(", "), ...parts);
  else {
    const tone = total > 0 ? "good" : total < 0 ? "bad" : "quiet";
    const verdict = total > 0 ? "Yes: " : total < 0 ? "No: " : "Even: ";
    answer("q-money", tone, `${verdict}${amountText(total, { signed: true })} ${state.figures[0].quote_asset}`, ...parts);
  }
}

function accountOf(asset, open, holdings) {
  const held = holdings.find((row) => row.quote_asset === asset);
  const equity = held ? equityOf(state, held) : null;
  const closed = state.figures.find((row) => row.quote_asset === asset);
  const today = state.today.find((row) => row.quote_asset === asset);
  const missing = equity?.missing.length ? `without ${equity.missing.join(", ")}, whose price is not known` : null;
  const rows = [
    ["Equity", equity ? money(equity.sum, asset) : "not known", missing],
    ["Today", money(today?.pnl ?? 0, asset, { signed: true }), `since 00:00 UTC, ${countText(today?.trades ?? 0)} trades closed${unknownOf(today)}`],
    ["Open now", money(open?.sum ?? 0, asset, { signed: true }), open?.unknown ? `without ${open.unknown} whose price is not known` : "at the bid"],
    ["Since start", money(closed?.pnl ?? 0, asset, { signed: true }), closed ? `${scoreText(closed)}, ${amountText(closed.fees)} ${asset} fees paid` : null],
  ];
  return el("span", { class: "figures", "data-key": asset }, ...rows.map(([name, value, note]) =>
    el("span", { class: "figure" }, el("small", {}, name), el("span", { class: "value" }, value), note ? el("small", { class: "note" }, note) : null)));
}

function unknownOf(row) {
  return row?.unknown ? `, ${row.unknown} of unknown PnL` : "";
}

function scoreText(row) {
  const known = row.trades - row.unknown;
  const losses = Math.abs(Number(row.losses));
  const factor = losses ? (Number(row.gains) / losses).toFixed(2) : "not known";
  return `${known ? percentText(row.wins / known) : "?"} of ${countText(row.trades)} won${unknownOf(row)}, profit factor ${factor}`;
}

/* ---------- health ---------- */

export function drawHealth() {
  const live = state.live;
  if (!live) return;
  const { score, losses, unknown } = live.health;
  const tone = score >= 80 ? "good" : score >= 70 ? "warn" : "bad";
  const api = live.api ?? {};
  const facts = [
    ["Market feed", streamText(live.feed)], ["Own orders' stream", streamText(live.user_stream)],
    ["API weight", known(api.weight_1m, (value) => `${countText(value)} of ${countText(api.weight_limit)} a minute`)],
    ["API requests", known(api.requests_1m, (value) => `${countText(value)} of ${countText(api.requests_limit)} a minute`)],
    ["API answers in", known(api.latency_ms, (value) => `${value.toFixed(1)} ms on average`)],
    ["API errors", percentText(api.errors_ratio, 2)],
    ["Prices from cache", percentText(live.cache?.hit_ratio, 2)],
    ["Processes", live.processes.length ? live.processes.map((process) => process.name).join(", ") : "none known"],
  ];
  fill("health",
    el("div", { class: "row" },
      el("div", { class: "score", "data-tone": tone, style: `--score:${score}`, role: "img", "aria-label": `Health ${score} of 100` }, el("b", {}, String(score))),
      el("ul", { class: "losses" }, ...(losses.length
        ? losses.map((loss) => el("li", {}, el("b", { class: "number" }, `\u2212${loss.points}`), ` ${loss.text} `, el("code", {}, loss.code)))
        : [el("li", {}, "Nothing takes points away.")]))),
    el("dl", { class: "facts" }, ...facts.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])),
    unknown.length ? el("p", { class: "empty" }, `Not known: ${unknown.map(plainCode).join(", ")}`) : null);
}

function known(value, write) {
  return value === null || value === undefined ? "not known" : write(value);
}

function streamText(stream) {
  if (!stream) return "not known";
  const uptime = stream.uptime_ratio === null ? "" : `, up ${percentText(stream.uptime_ratio, 2)}`;
  const again = stream.reconnects ? `, ${countText(stream.reconnects)} reconnects` : "";
  return `${stream.connected ? "connected" : "NOT CONNECTED"}, last word ${durationText(stream.age_ms)} ago${uptime}${again}`;
}

/* ---------- limits of the account ---------- */

export function drawLimits() {
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
