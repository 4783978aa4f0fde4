"""Writes docs/faults.md from the figures of the last run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.fault_arms import Row
from bench.fault_rows import ROWS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "faults.md"
CLEAN = "clean"
HEAD = """# Faults

What the venue and the network can do to an order, and what becomes of it here. Each row was provoked while
the whole stack (every process, real Redis, SQLite) traded on the paper venue, on symbols of every kind of
protection; repeat it with `make faults`, or a part of it with `make faults ONLY=1,5,58`.

*Clean after* counts from the moment the fault struck for the last time or ended, to the first moment at which
no order was unknown, everything held was protected, both streams were connected and asked for what they
missed, no request was blocked, and our ledger equalled the venue's own per asset. The streams tell their
state once a second, so a second is the finest step. *Unprotected* is the time in which something sellable was
held without protection, over all trades that were open meanwhile, and in the worst of them; where a symbol
allows no order list that carries its exits, every entry costs one round trip of it: {quiet:.2f} s in
{quiet_s:.0f} quiet seconds. Where a fault has several forms, the worst counts. All numbers but 53 (a standing
rule of the venue) and 70 (our own death) are faults of the paper venue (`GET /paper/faults`).

The last run, {measured_at} on {machine}, Python {python}, provoked {rows} of the {all_rows} rows: {closed}
trades closed and {fills} fills were booked meanwhile; at the end everything was sold, and orders, fills and
balances were compared with the venue's: {verdict}. A fault that finds nothing to strike in what Fast-Cycle
sends is armed all the same, and must find nothing. Fault after fault is bad health that lasts: how often the
product had halted itself, and the bench resumed it before the next fault as an operator does: {resumed}.

Two rows need a word. In 13 the venue executes one request twice: two orders of one id are then the fault, and
are not held against us at the end. 68 runs last on a stack of its own: an operator, played by the bench,
accepts the named differences, *clean after* counts from there, and since the venue has forgotten its orders
and fills, only balances can be compared; order and trade ids go on.

| # | fault | what Fast-Cycle does | clean after | unprotected: all, worst | outcome |
|---|---|---|---|---|---|
"""


def write_page(figures: dict[str, Any]) -> str:
    """Give the page; rows that were never run say so."""
    run = figures["run"]
    verdict = "; ".join(run["violations"]) or "no difference"
    head = HEAD.format(
        quiet=figures["quiet"]["unprotected_s"],
        quiet_s=figures["quiet"]["seconds"],
        verdict=verdict,
        all_rows=len(ROWS),
        **run,
    )
    return head + "".join(_line(row, figures["rows"].get(str(row.number), [])) for row in ROWS)


def _line(row: Row, outcomes: list[dict[str, Any]]) -> str:
    cells = (str(row.number), row.title, row.answer, *_figures(outcomes))
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |\n"


def _figures(outcomes: list[dict[str, Any]]) -> tuple[str, str, str]:
    if not outcomes:
        return "–", "–", "not measured"
    times = [each["clean_after_s"] for each in outcomes]
    clean = "never" if None in times else f"{max(times):.1f} s"
    total = max(each["unprotected_s"] for each in outcomes)
    longest = max(each["longest_unprotected_s"] for each in outcomes)
    violations = sorted({name for each in outcomes for name in each["violations"]})
    return clean, f"{total:.2f} s, {longest:.2f} s", ", ".join(violations) or CLEAN
