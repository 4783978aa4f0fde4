/* Work that takes long (drain, backfill, tuning, rollback): how far it is, since when, and how it ended. */

import { byId, el, fill } from "./dom.js";
import { countText, durationText } from "./format.js";
import { age, serverNow, state } from "./view.js";

/* Who tells of its work does so at least this often, unless one step of it takes long. */
const SILENT_AFTER_MS = 15_000;

export function drawWork() {
  const rows = state.live?.work ?? [];
  byId("work-card").hidden = !rows.length;
  fill("work", rows.map(work));
}

function work(row) {
  const share = row.total ? Math.min(row.done / row.total, 1) : null;
  const name = `work-${row.name}`;
  return el("div", { class: "work", "data-key": `k${row.name}` },
    el("p", {}, el("b", { id: name }, row.title), row.note ? `: ${row.note}` : null),
    row.ended_ms ? null : el("progress", { "aria-labelledby": name, max: "1", value: share === null ? null : share.toFixed(4) }),
    el("small", {}, ...told(row)));
}

function told(row) {
  if (row.failed) return ["Failed: ", row.failed, ", ", age(row.ended_ms), "."];
  if (row.ended_ms) return [`Done in ${durationText(row.ended_ms - row.begun_ms)}, `, age(row.ended_ms), "."];
  const far = row.total ? `${countText(row.done)} of ${countText(row.total)} ${row.unit}` : `${countText(row.done)} ${row.unit}`;
  const isSilent = serverNow() - row.told_ms > SILENT_AFTER_MS;
  return [`${far}, begun `, age(row.begun_ms), ...(isSilent ? [", last word ", age(row.told_ms)] : []), "."];
}
