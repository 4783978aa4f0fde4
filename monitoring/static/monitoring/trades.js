/* Open trades with what they are worth now, and the newest closed ones. */

import { amountText, countText, durationText, fixedText, plainCode, priceText, qtyText } from "./format.js";
import { button, byId, chip, el, empty, fill } from "./dom.js";
import { isHeld, openPnl, workerName } from "./state.js";
import { age, canOperate, clock, money, serverNow, state, words } from "./view.js";

export function drawOpenTrades() {
  byId("open-count").textContent = state.openTrades.length || "";
  if (!state.openTrades.length) fill("open-trades", empty("No trade is open."));
  else fill("open-trades", state.openTrades.map(openTrade));
}

function openTrade(trade) {
  const price = state.prices.get(trade.symbol);
  const step = state.tickSizes[trade.symbol];
  const pnl = openPnl(trade, price);
  const basis = Number(trade.avg_entry_price) * Number(trade.qty);
  return el("article", { class: "trade", "data-symbol": trade.symbol, "data-key": `t${trade.id}` },
    el("div", { class: "row" },
      el("strong", { class: "symbol" }, trade.symbol), protection(trade), el("span", { class: "grow" }),
      money(pnl, trade.quote_asset, { signed: true })),
    road(trade, price, step),
    el("div", { class: "row facts" },
      fact("held", qtyText(trade.qty)),
      fact("entry", isHeld(trade) ? priceText(trade.avg_entry_price, step) : "?"),
      fact("bid", price ? priceText(price.bid, step) : "?"),
      pnl !== null && basis ? fact("return", `${fixedText((10000 * pnl) / basis, 0, { signed: true })} bps`) : null),
    el("small", {}, `${workerName(state, trade.worker_id)}, `, age(trade.opened_at_ms)),
    el("div", { class: "buttons" },
      button("Chart", "plain", { chart: trade.symbol }, { "aria-label": `Chart of ${trade.symbol}` }),
      el("a", { class: "button plain", href: `/why/?trade=${trade.id}`, "aria-label": `Why ${trade.symbol} was bought` }, "Why"),
      canOperate && isHeld(trade) ? button("Sell\u2026", "danger-plain", { act: "sell", id: trade.id }, { "aria-label": `Sell ${trade.symbol}` }) : null));
}

function fact(name, text) {
  return el("span", {}, el("small", {}, `${name} `), text);
}

function protection(trade) {
  if (trade.exit_reason && isHeld(trade)) return chip(`being sold, ${trade.is_protected ? "protected" : "unprotected"}`, trade.is_protected ? "warn" : "bad", words.exits[trade.exit_reason]);
  if (!isHeld(trade)) return chip("entry working", "quiet");
  if (trade.is_protected && trade.protection === "SUPERVISED") return chip("supervised", "good", "The symbol allows no order list; the target is watched from here");
  if (trade.is_protected) return chip("protected", "good", `The exits rest on the exchange (${trade.protection})`);
  return chip(`unprotected ${durationText(serverNow() - (trade.unprotected_since_ms ?? serverNow()))}`, "bad");
}

/* Where the price stands between stop and take profit. */
function road(trade, price, step) {
  const stop = Number(trade.stop_price), target = Number(trade.take_profit_price);
  const place = (value) => Math.min(Math.max((100 * (value - stop)) / (target - stop), 0), 100).toFixed(1);
  const track = el("div", { class: "road" }, el("i", { class: "entry", style: `left:${place(Number(trade.avg_entry_price))}%` }),
    price ? el("i", { class: "now", style: `left:${place(Number(price.bid))}%` }) : null);
  return el("div", { class: "road-line" },
    el("small", { class: "number" }, "stop ", priceText(trade.stop_price, step)), track,
    el("small", { class: "number" }, priceText(trade.take_profit_price, step), " target"));
}

/* ---------- closed ---------- */

const COLUMNS = ["Symbol", "PnL after fees", "Return", "Why it was sold", "Held for", "Entry", "Exit", "Slippage in, out", "Closed at", ""];

export function drawClosedTrades() {
  const count = state.figures.reduce((sum, row) => sum + row.trades, 0);
  byId("closed-count").textContent = count ? `${countText(Math.min(state.closedTrades.length, count))} newest of ${countText(count)}` : "";
  byId("closed-none").hidden = state.closedTrades.length > 0;
  if (!state.closedTrades.length) { fill("closed-trades"); return; }
  const head = el("thead", {}, el("tr", {}, ...COLUMNS.map((text) => (text ? el("th", { scope: "col" }, text) : el("td", {})))));
  fill("closed-trades", head, el("tbody", {}, ...state.closedTrades.map(closedTrade)));
}

function closedTrade(trade) {
  const step = state.tickSizes[trade.symbol];
  const ratio = trade.realised_pnl !== null && Number(trade.entry_notional) ? Number(trade.realised_pnl) / Number(trade.entry_notional) : null;
  const bps = (value) => (value === null ? "?" : fixedText(Number(value), 1));
  return el("tr", { "data-key": `c${trade.id}` },
    el("th", { scope: "row", title: workerName(state, trade.worker_id) }, trade.symbol),
    el("td", {}, money(trade.realised_pnl, trade.quote_asset, { signed: true })),
    el("td", { class: "number" }, ratio === null ? "?" : `${fixedText(10000 * ratio, 1, { signed: true })} bps`),
    el("td", { title: words.exits[trade.exit_reason] }, plainCode(trade.exit_reason)),
    el("td", {}, trade.opened_at_ms ? durationText(trade.closed_at_ms - trade.opened_at_ms) : "?"),
    el("td", { class: "number" }, priceText(trade.avg_entry_price, step)),
    el("td", { class: "number" }, priceText(trade.avg_exit_price, step)),
    el("td", { class: "number", title: "Worse than decided; better is negative" }, `${bps(trade.entry_slippage_bps)}, ${bps(trade.exit_slippage_bps)} bps`),
    el("td", {}, clock(trade.closed_at_ms)),
    el("td", {}, el("a", { class: "reach", href: `/why/?trade=${trade.id}`, "aria-label": `Why ${trade.symbol} was bought and sold` }, "Why")));
}

export function sellText(trade) {
  const price = state.prices.get(trade.symbol);
  const step = state.tickSizes[trade.symbol];
  const pnl = openPnl(trade, price);
  const now = pnl === null ? "What it brings is not known: there is no price." : `About ${amountText(pnl, { signed: true })} ${trade.quote_asset} at the bid of ${priceText(price.bid, step)}, before the fee of the sale.`;
  return `${qtyText(trade.qty)} held. ${now}`;
}
