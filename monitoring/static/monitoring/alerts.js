/* Alerts that are not over: what is so, what to do, and who looks after it. */

import { button, byId, chip, el, fill } from "./dom.js";
import { age, canAcknowledge, state } from "./view.js";

export function drawAlerts() {
  const rows = state.live?.alerts ?? [];
  byId("alerts-card").hidden = !rows.length;
  byId("alert-count").textContent = rows.length || "";
  fill("alerts", rows.map(alert));
}

function alert(row) {
  const isCritical = row.level === "CRITICAL";
  const takes = canAcknowledge && !row.acknowledged_by;
  return el("article", { class: "alert", "data-key": `a${row.id}` },
    el("div", { class: "grow" },
      el("p", {}, chip(row.level.toLowerCase(), isCritical ? "bad" : "warn"), " ", el("b", {}, row.text), " ", age(row.opened_at_ms)),
      el("p", {}, el("small", {}, row.todo)),
      row.acknowledged_by ? el("small", {}, `${row.acknowledged_by} looks after it.`) : null),
    takes ? button("Acknowledge", "plain", { act: "acknowledge", id: row.id }, { "aria-label": `Acknowledge: ${row.text}` }) : null);
}
