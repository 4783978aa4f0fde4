/* Workers: what they are, how they did, and what can be done with them. */

import { amountText, countText, percentText, universeText, utcText, wilson } from "./format.js";
import { button, byId, chip, el, empty, fill } from "./dom.js";
import { countCodes } from "./overview.js";
import { canOperate, decisionText, money, state } from "./view.js";

const TONES = { ACTIVE: "good", DRAINING: "warn", STOPPED: "quiet" };

export function drawWorkers() {
  const active = state.workers.filter((worker) => worker.state === "ACTIVE").length;
  byId("worker-count").textContent = state.workers.length ? `${active} of ${state.workers.length} active` : "";
  if (!state.workers.length) fill("workers", empty("There is no worker yet."));
  else fill("workers", state.workers.map(worker));
}

export function openOf(workerId) {
  return state.openTrades.filter((trade) => trade.worker_id === workerId).length;
}

function worker(row) {
  const [top] = countCodes([state.live?.why_not?.[row.id] ?? { counts: {} }]);
  const isHeldBack = row.state === "ACTIVE" && state.control && state.control.state !== "ACTIVE";
  const facts = [row.strategy, `${row.interval} candles`, universeText(row.universe), `${amountText(row.trade_notional)} a trade`, `budget ${amountText(row.budget)}`, `version ${row.version}`];
  return el("article", { class: "worker", "data-key": `w${row.id}`, "data-worker": row.id },
    el("div", { class: "grow" },
      el("div", { class: "row" },
        el("a", { href: `/admin/trading/worker/${row.id}/change/`, class: "name" }, row.name),
        chip(stateText(row), TONES[row.state] ?? "quiet", `Since ${utcText(row.state_changed_at_ms)}`),
        isHeldBack ? chip(`trading ${state.control.state.toLowerCase()}`, "warn", "It opens nothing until trading is active again") : null),
      el("p", { class: "score-line" }, ...scores(row)),
      el("small", {}, facts.filter(Boolean).join(", ")),
      top ? el("small", { class: "codes" }, `Mostly, ${countText(top[1])} times: ${decisionText(top[0])} `) : null),
    el("div", { class: "buttons" },
      el("a", { class: "button plain", href: `/why/?worker=${row.id}`, "aria-label": `Why ${row.name} trades or not` }, "Why"),
      ...(canOperate ? buttons(row) : [])));
}

function stateText(row) {
  const open = openOf(row.id);
  if (row.state === "DRAINING") return `draining, ${open} ${open === 1 ? "trade" : "trades"} left`;
  return `${row.state.toLowerCase()}, ${open} open`;
}

function scores(row) {
  const figures = state.workerFigures.filter((each) => each.worker_id === row.id);
  if (!figures.length) return [el("small", {}, "It closed no trade in the last 7 days.")];
  return figures.map((each) => {
    const known = each.trades - each.unknown;
    const range = wilson(each.wins, known);
    const won = range ? `${percentText(each.wins / known)} of ${countText(each.trades)} won` : `${countText(each.trades)} closed`;
    const doubt = range ? el("small", { title: "Where the true win rate lies, with 95 % confidence" }, ` (95 %: ${percentText(range[0])} to ${percentText(range[1])})`) : null;
    return el("span", { class: "score-part" }, el("small", {}, "7 days: "), money(each.pnl, each.quote_asset, { signed: true }), ", ", won, doubt);
  });
}

function buttons(row) {
  const to = (act, text, tone = "plain") => button(text, tone, { act: "worker", to: act, id: row.id }, { "aria-label": `${text} ${row.name}` });
  const more = button("More\u2026", "plain", { act: "more", id: row.id }, { "aria-label": `More about ${row.name}` });
  if (row.state === "ACTIVE") return [to("stop", "Stop"), to("drain", "Drain"), more];
  if (row.state === "DRAINING") return [to("stop", "Stop"), to("start", "Resume"), more];
  return [to("start", "Start", "primary"), more];
}
