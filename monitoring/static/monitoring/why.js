/* Moments in the operator's zone, and no second press for choosing a worker. The page works without it. */

import { localText, utcText } from "./format.js";

for (const node of document.querySelectorAll("time[datetime]")) {
  const ms = Date.parse(node.getAttribute("datetime"));
  node.textContent = localText(ms, Date.now());
  node.title = utcText(ms);
}

document.getElementById("worker")?.addEventListener("change", (event) => event.target.form.submit());
