/* The operator's acts: a POST each, answered by a sentence; dangerous ones are asked for twice. */

const ask = document.getElementById("ask");
const toast = document.getElementById("toast");
let hide;

export function tell(text, isFine) {
  clearTimeout(hide);
  toast.textContent = text;
  toast.dataset.tone = isFine ? "good" : "bad";
  toast.hidden = false;
  hide = setTimeout(() => { toast.hidden = true; }, isFine ? 6000 : 12000);
}

export async function act(path) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  tell("Asking…", true);
  try {
    const reply = await fetch(path, { method: "POST", headers: { "X-CSRFToken": token } });
    const isJson = reply.headers.get("content-type")?.includes("json");
    const { ok, message, lines } = isJson ? await reply.json() : { ok: false, message: `The server answered ${reply.status}.` };
    if (lines?.length) report(message, lines);
    else tell(message, ok);
  } catch {
    tell("The server cannot be reached. Nothing is known about what was asked.", false);
  }
}

/* What is left after a kill stays on the screen until it is put away. */
function report(message, lines) {
  toast.hidden = true;
  const rows = lines.map((line) => {
    const row = document.createElement("li");
    row.textContent = line;
    return row;
  });
  const list = document.createElement("ul");
  list.className = "left";
  list.append(...rows);
  show("What is left", message, "Close", list);
}

function show(title, text, close, ...parts) {
  document.getElementById("ask-title").textContent = title;
  document.getElementById("ask-text").textContent = text;
  document.getElementById("ask-close").textContent = close;
  document.getElementById("ask-choices").replaceChildren(...parts);
  if (!ask.open) ask.showModal();
}

function choose(title, text, choices) {
  const buttons = choices.map(({ name, what, path }) => {
    const button = document.createElement("button");
    const heading = document.createElement("b");
    heading.textContent = name;
    button.className = "button danger tall";
    button.type = "button";
    button.append(heading, document.createElement("br"), what);
    button.addEventListener("click", () => { ask.close(); act(path); });
    return button;
  });
  show(title, text, "Leave everything as it is", ...buttons);
}

export function askWorker(worker) {
  choose(`Flatten ${worker.name}?`, "This cannot be undone.", [{
    name: "Stop it and sell everything it holds",
    what: "At market, at once. Fees and slippage are paid.",
    path: `/act/workers/${worker.id}/flatten`,
  }]);
}

export function askKill(state) {
  const open = state.openTrades.length;
  const text = `${open} open trades. Trading is ${(state.control?.state ?? "active").toLowerCase()}.`;
  const choices = [
    { name: "Stop entries", what: "No new trades. What is open keeps its exits.", path: "/act/kill/entries" },
    { name: "Cancel entries", what: "Also cancels entries that are still working.", path: "/act/kill/cancel" },
    { name: "Flatten", what: "Also sells everything at market, at once.", path: "/act/kill/flatten" },
  ];
  if (state.control && state.control.state !== "ACTIVE") {
    choices.unshift({ name: "Resume", what: "Active workers may open trades again.", path: "/act/trading-state/active" });
  }
  choose("Stop trading", text, choices);
}
