/* Candles of one symbol with our entries and exits on them, and the stop and target of what is open. The library
   is loaded when the chart is first seen; its candles come from the feed's own store. */

import { byId, el, fill } from "./dom.js";
import { amountText, decimalsOf, localText, priceText, utcText } from "./format.js";
import { serverNow, state } from "./view.js";

const LEAST_POLL_MS = 2000;
const AFTER_CLOSE_MS = 400; /* a closed candle is in the store by then */
const box = byId("chart");
const note = byId("chart-note");

let library = null;
let parts = null; /* { chart, series, markers, lines } */
let shown = null; /* { symbol, interval, stepS, tick, rows, trades } */
let forming = null;
let timer = null;
let isSeen = false;

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options() {
  return {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: token("--soft"), attributionLogo: false, fontSize: 12 },
    grid: { vertLines: { color: token("--line") }, horzLines: { color: token("--line") } },
    rightPriceScale: { borderColor: token("--line") },
    timeScale: { borderColor: token("--line"), timeVisible: true, secondsVisible: (shown?.stepS ?? 60) < 60, tickMarkFormatter: axisText },
    localization: { timeFormatter: (time) => new Date(time * 1000).toLocaleString("en-GB") },
    handleScroll: { vertTouchDrag: false }, /* a thumb on the chart still scrolls the page */
  };
}

function axisText(time) {
  const text = new Date(time * 1000).toLocaleTimeString("en-GB");
  return (shown?.stepS ?? 60) < 60 ? text : text.slice(0, 5);
}

function colours() {
  const up = token("--good"), down = token("--bad");
  return { upColor: up, wickUpColor: up, borderUpColor: up, downColor: down, wickDownColor: down, borderDownColor: down };
}

export function watchChart() {
  new IntersectionObserver((entries) => {
    isSeen = entries.at(-1).isIntersecting;
    if (isSeen) refresh();
  }).observe(byId("chart-card"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  document.addEventListener("click", (event) => {
    const symbol = event.target.closest("[data-chart]")?.dataset.chart;
    if (!symbol) return;
    choose(symbol);
    byId("chart-card").scrollIntoView({ block: "start" });
    byId("chart-symbol").focus({ preventScroll: true });
  });
  byId("chart-symbol").addEventListener("change", (event) => choose(event.target.value));
  byId("chart-interval").addEventListener("change", (event) => choose(shown.symbol, event.target.value));
}

function choose(symbol, interval = "") {
  shown = { symbol, interval, rows: [], trades: [] };
  forming = null;
  refresh();
}

/* The list of symbols to choose from; the first open trade's is shown until somebody chooses. */
export function drawChoices() {
  const symbols = [...state.prices.keys()].sort();
  const first = state.openTrades[0]?.symbol ?? symbols[0];
  if (!shown && first) choose(first);
  fill("chart-symbol", symbols.map((symbol) => el("option", { value: symbol, "data-key": symbol }, symbol)));
  if (shown && byId("chart-symbol").value !== shown.symbol) byId("chart-symbol").value = shown.symbol;
}

async function refresh() {
  clearTimeout(timer);
  if (!isSeen || !shown || document.hidden) return;
  const asked = shown;
  try {
    library ??= await import(box.dataset.library);
    await load(asked);
    if (asked === shown) draw();
  } catch (error) {
    note.textContent = library ? `Candles cannot be read: ${error.message}.` : "The chart library is not installed: run make setup.";
  }
  if (asked !== shown) return;
  const stepMs = (shown.stepS ?? 2) * 1000;
  const toClose = stepMs - (serverNow() % stepMs) + AFTER_CLOSE_MS;
  timer = setTimeout(refresh, Math.max(toClose, LEAST_POLL_MS));
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

async function load(asked) {
  const last = asked.rows.at(-1)?.[0] ?? 0;
  const reply = await fetch(`/candles/${asked.symbol}?interval=${asked.interval}&after=${last}`);
  const data = await reply.json();
  if (!reply.ok) throw new Error(data.message);
  asked.rows = [...asked.rows, ...data.candles].slice(-400);
  Object.assign(asked, { interval: data.interval, tick: data.tick_size, trades: data.trades, stepS: secondsOf(data.interval) });
  fill("chart-interval", data.intervals.map((interval) => el("option", { value: interval, "data-key": interval }, `${interval} candles`)));
  byId("chart-interval").value = data.interval;
}

function secondsOf(interval) {
  return Number.parseInt(interval, 10) * { s: 1, m: 60, h: 3600, d: 86400 }[interval.at(-1)];
}

function draw() {
  if (!shown.rows.length) { note.textContent = `No candles of ${shown.symbol} are kept: no worker follows it.`; return; }
  if (!parts) {
    const chart = library.createChart(box, options());
    const series = chart.addSeries(library.CandlestickSeries, colours());
    parts = { chart, series, markers: library.createSeriesMarkers(series, []), lines: [] };
  }
  const decimals = decimalsOf(shown.tick) ?? 2;
  parts.chart.applyOptions(options());
  parts.series.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: Number(shown.tick ?? 10 ** -decimals) } });
  parts.series.setData(shown.rows.map(([ms, open, high, low, close]) => ({ time: ms / 1000, open, high, low, close })));
  forming = null;
  parts.markers.setMarkers(markers());
  drawLines();
  describe();
}

function markers() {
  const first = shown.rows[0][0];
  const bar = (ms) => Math.floor(ms / 1000 / shown.stepS) * shown.stepS;
  const found = [];
  for (const trade of shown.trades) {
    if (trade.opened_at_ms >= first) found.push({ time: bar(trade.opened_at_ms), position: "belowBar", shape: "arrowUp", color: token("--accent") });
    if (trade.closed_at_ms >= first && trade.state === "CLOSED") {
      const isGain = Number(trade.realised_pnl) > 0;
      found.push({ time: bar(trade.closed_at_ms), position: "aboveBar", shape: "arrowDown", color: token(isGain ? "--good" : "--bad"), text: amountText(trade.realised_pnl, { signed: true }) });
    }
  }
  return found.sort((a, b) => a.time - b.time);
}

function drawLines() {
  parts.lines.forEach((line) => parts.series.removePriceLine(line));
  const open = state.openTrades.find((trade) => trade.symbol === shown.symbol && Number(trade.qty) > 0);
  const line = (price, color, title) => parts.series.createPriceLine({ price: Number(price), color, title, lineWidth: 1, lineStyle: library.LineStyle.Dashed, axisLabelVisible: true });
  parts.lines = open ? [
    line(open.take_profit_price, token("--good"), "target"), line(open.avg_entry_price, token("--accent"), "entry"), line(open.stop_price, token("--bad"), "stop"),
  ] : [];
}

/* What the picture says, for those who do not see it. */
function describe() {
  const [ms, , , , close] = shown.rows.at(-1);
  const open = state.openTrades.find((trade) => trade.symbol === shown.symbol && Number(trade.qty) > 0);
  const lines = open ? ` Entry ${priceText(open.avg_entry_price, shown.tick)}, stop ${priceText(open.stop_price, shown.tick)}, target ${priceText(open.take_profit_price, shown.tick)}.` : " No trade is open on it.";
  const closedMs = ms + 1000 * shown.stepS;
  note.textContent = `Last close ${priceText(close, shown.tick)} at ${localText(closedMs, serverNow())}.${lines}`;
  note.title = `The last close was at ${utcText(closedMs)}; times on the axis are those of your own zone.`;
  box.setAttribute("aria-label", `Candles of ${shown.symbol}. ${note.textContent}`);
}

/* The candle that is not closed yet, from the prices that come in. */
export function drawForming() {
  if (!parts || !isSeen || !shown?.rows.length) return;
  const price = state.prices.get(shown.symbol);
  if (!price) return;
  const value = (Number(price.bid) + Number(price.ask)) / 2;
  const time = Math.floor(price.arrivalMs / 1000 / shown.stepS) * shown.stepS;
  if (time <= shown.rows.at(-1)[0] / 1000) return;
  if (forming?.time === time) forming = { ...forming, high: Math.max(forming.high, value), low: Math.min(forming.low, value), close: value };
  else if (!forming || time > forming.time) forming = { time, open: value, high: value, low: value, close: value };
  parts.series.update(forming);
}

export function tradesChanged() {
  if (parts && shown?.rows.length) drawLines();
}

function restyle() {
  if (!parts) return;
  parts.chart.applyOptions(options());
  parts.series.applyOptions(colours());
  draw();
}
