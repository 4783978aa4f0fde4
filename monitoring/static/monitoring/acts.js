/* The operator's acts: a POST each, answered by a sentence; dangerous ones are asked for and held. */

import { byId, el } from "./dom.js";
import { holdButton } from "./hold.js";
import { isHeld } from "./state.js";
import { sellText } from "./trades.js";
import { state } from "./view.js";
import { openOf } from "./workers.js";

const ask = byId("ask");
const toast = byId("toast");
let hide;

export function tell(text, isFine) {
  clearTimeout(hide);
  toast.textContent = text;
  toast.dataset.tone = isFine ? "good" : "bad";
  toast.hidden = false;
  hide = setTimeout(() => { toast.hidden = true; }, isFine ? 6000 : 12000);
}

export async function act(path) {
  tell("Asking\u2026", true);
  const { ok, message, lines } = await post(path);
  if (lines?.length) report(message, lines);
  else tell(message, ok);
}

/* Gives { ok, message, field, lines }; what went wrong on the way is a message too. */
export async function post(path, fields = {}) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  try {
    const reply = await fetch(path, { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams(fields) });
    const isJson = reply.headers.get("content-type")?.includes("json");
    return isJson ? await reply.json() : { ok: false, message: `The server answered ${reply.status}.` };
  } catch {
    return { ok: false, message: "The server cannot be reached. Nothing is known about what was asked." };
  }
}

/* What is left after a kill stays on the screen until it is put away. */
function report(message, lines) {
  toast.hidden = true;
  show("What is left", message, "Close", el("ul", { class: "left" }, ...lines.map((line) => el("li", {}, line))));
}

function show(title, text, close, ...parts) {
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-close").textContent = close;
  byId("ask-choices").replaceChildren(...parts);
  if (!ask.open) ask.showModal();
}

function held(name, what, path) {
  return holdButton(name, what, () => { ask.close(); act(path); });
}

function plain(name, what, path) {
  const node = el("button", { type: "button", class: "button tall" }, el("b", {}, name), el("span", {}, what));
  node.addEventListener("click", () => { ask.close(); act(path); });
  return node;
}

function link(name, what, href) {
  return el("a", { class: "button tall", href }, el("b", {}, name), el("span", {}, what));
}

export function askWorker(id) {
  const worker = state.workers.find((each) => each.id === id);
  if (!worker) return;
  const open = openOf(id);
  const parts = [
    link("Change it", "Strategy, symbols, amounts, exits. Open trades keep what they were opened with.", `/admin/trading/worker/${id}/change/`),
    link("Why it trades or not", "Its newest decisions, each condition with value and limit.", `/why/?worker=${id}`),
    open ? held("Flatten: stop it and sell everything", `${open} open at market, at once. Fees and slippage are paid.`, `/act/workers/${id}/flatten`) : null,
    worker.state === "STOPPED" && !open ? held("Delete it", "It leaves the list. Its trades, orders and journal stay.", `/act/workers/${id}/delete`) : null,
  ];
  const hint = worker.state === "STOPPED" && !open ? "" : " It can be deleted once it is stopped and holds nothing.";
  show(worker.name, `It is ${worker.state.toLowerCase()} with ${open} open trades.${hint}`, "Close", ...parts.filter(Boolean));
}

export function askSale(id) {
  const trade = state.openTrades.find((each) => each.id === id);
  if (!trade) { tell("That trade is closed already.", true); return; }
  show(`Sell ${trade.symbol} now?`, sellText(trade), "Leave it as it is", held("Sell now", "At market. Its stop and target are cancelled with it.", `/act/trades/${id}/sell`));
}

export function askKill() {
  const open = state.openTrades.filter(isHeld).length;
  const trading = state.control?.state ?? "ACTIVE";
  const isActive = trading === "ACTIVE";
  const text = `${open} positions are held. Trading is ${{ ACTIVE: "active", REDUCING: "set to exits only", HALTED: "halted" }[trading]}.`;
  show("Stop trading", text, "Leave everything as it is",
    ...(isActive ? [] : [plain("Resume", "Active workers may open trades again.", "/act/trading-state/active")]),
    held("1. Stop entries", "No new trades. What is open keeps its exits.", "/act/kill/entries"),
    held("2. Cancel entries", "Also cancels entries that are still working.", "/act/kill/cancel"),
    held("3. Flatten", `Also sells all ${open} positions at market, at once.`, "/act/kill/flatten"));
}

/* One listener for every act that is named on a button. */
export function listen() {
  const doing = {
    kill: () => askKill(),
    sell: ({ id }) => askSale(Number(id)),
    more: ({ id }) => askWorker(Number(id)),
    acknowledge: ({ id }) => act(`/act/alerts/${id}/acknowledge`),
    "new-worker": async () => (await import("./new-worker.js")).askNewWorker(),
    worker: ({ id, to }) => act(`/act/workers/${id}/${to}`),
  };
  document.addEventListener("click", (event) => {
    const node = event.target.closest("[data-act]");
    if (node) doing[node.dataset.act]?.(node.dataset);
  });
}
