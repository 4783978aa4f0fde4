"""`python -m bench.chaos --seed N --minutes M`: the whole stack under random mischief, then judged.

The stack trades busily on the paper venue while faults strike, processes are killed, tasks are doubled and
outsiders use the account (bench/mischief.py); at the end faults are cleared, everything is sold by the kill
switch, and the oracles (bench/oracles.py) compare our database with the venue's own truth. Exit 1: something
was violated, and each violation is named. Many seeds: `--seeds 1-50 --jobs 3`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench import oracles
from bench.coverage import gaps, outside
from bench.facts import Facts, Window, read_facts
from bench.hands import carry_out
from bench.house import House
from bench.logs import complaints
from bench.menaces import MENACES
from bench.mischief import Act, plan
from bench.stack import ROOT

CALM_LIMIT_S = 120.0
BACK_LIMIT_S = 30.0
# The widest that a fault sets the venue's clock apart, and how long one lasts.
SKEW_MARGIN_S = 12.0
DEFAULT_BLOCK_S = 10.0
RULES_AGE_S = 10.0  # rules of this age are still believed, see trading.domain.instrument


def main() -> int:
    """Run one seed, or many; 1 when anything was violated."""
    options = _options()
    if options.seeds:
        return _run_many(options.seeds, options)
    acts = [] if options.calm else plan(options.seed, options.minutes * 60)
    report = run(options.seed, options.minutes * 60, acts, keep=options.keep, tell=options.acts)
    print(json.dumps(report) if options.json else summary(report))  # noqa: T201 -- a command
    return 1 if report["violations"] else 0


def _seeds(word: str) -> range:
    first, _, last = word.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError("must be FIRST-LAST, two whole numbers, as in 1-50")
    return range(int(first), int(last) + 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides every act (default 1)")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the mischief (default 1)")
    parser.add_argument("--seeds", type=_seeds, help="many runs, one per seed: FIRST-LAST")
    parser.add_argument("--jobs", type=int, default=1, help="how many of them side by side (default 1)")
    parser.add_argument("--calm", action="store_true", help="the same house without any mischief")
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")
    parser.add_argument("--acts", action="store_true", help="every act as it happens, on standard error")
    parser.add_argument("--keep", type=Path, help="folder that keeps the home of a run that went wrong")
    return parser.parse_args()


def _run_many(seeds: range, options: argparse.Namespace) -> int:
    with ThreadPoolExecutor(options.jobs) as runs:
        ended = runs.map(lambda seed: _run_apart(seed, options), seeds)
        reports = []
        for report in ended:
            print(json.dumps(report) if options.json else summary(report), flush=True)  # noqa: T201 -- a command
            reports.append(report)
    return 1 if any(report["violations"] for report in reports) else 0


def _run_apart(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.chaos", "--json"]
    command += ["--seed", str(seed), "--minutes", str(options.minutes)]
    command += ["--keep", str(options.keep)] if options.keep else []
    command += ["--calm"] if options.calm else []
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        said = done.stderr.decode().strip().splitlines() or ["nothing said"]
        return {"seed": seed, "violations": [f"run: it did not end well: {said[-1]}"]}
    return report


def summary(report: dict[str, Any]) -> str:
    """Say in one line what was done and how it ended, and below it each violation."""
    if "acts" not in report:
        return "\n".join([f"seed {report['seed']}: VIOLATED", *report["violations"]])
    acts = ", ".join(f"{number} {kind}" for kind, number in sorted(report["acts"].items())) or "none"
    verdict = "VIOLATED" if report["violations"] else "clean"
    line = (
        f"seed {report['seed']}: {verdict}; {report['seconds']:.0f} s of mischief ({acts}), "
        f"{report['entries']} entries, {report['fills']} fills, "
        f"resumed {report['resumed']} times, calm after {report['calm_s']:.1f} s, "
        f"longest without protection {report['longest_unprotected_s']:.1f} s"
    )
    return "\n".join([line, *(f"  {violation}" for violation in report["violations"])])


def run(
    seed: int, seconds: float, acts: list[Act], *, keep: Path | None = None, tell: bool = False
) -> dict[str, Any]:
    """Carry out these acts within so many seconds, end the mischief, and judge.

    `acceptance` in the report is what the product says of its own criteria once the mischief has ended.
    """
    with tempfile.TemporaryDirectory(prefix="fc-chaos-") as folder:
        home = Path(folder)
        with House(home, seed=seed) as house:
            _demand_known(house)
            house.hire()
            began_s = time.time()
            told, resumed = _play(acts, house, began_s=began_s, seconds=seconds, tell=tell)
            _end_mischief(house)
            acceptance = json.loads(house.stack.manage("acceptance", "--json"))
            calm_s = _sell_all(house)
            reported = _reported(house)
            facts = replace(_gather(house, told), reported=reported)
            violations = [*oracles.judge(facts), *_judge_house(house)]
        errors = complaints(home)
        violations += [f"logs: {line}" for line in errors if "unhandled" in line]
        report = _report(seed, seconds, told, facts) | {
            "acceptance": acceptance,
            "calm_s": calm_s,
            "ready_s": house.ready_s,
            "resumed": resumed,
            "violations": violations,
            "errors": errors,
        }
        if keep is not None and violations:
            _keep(keep / f"seed-{seed}", home, facts, report)
    return report


def _demand_known(house: House) -> None:
    known = {kind["name"] for kind in house.stack.ask_venue("/paper/faults")["known"]}
    unknown = sorted({menace.name for menace in MENACES} - known)
    if unknown:
        raise SystemExit(f"the venue does not know {', '.join(unknown)}")


def _play(
    acts: list[Act], house: House, *, began_s: float, seconds: float, tell: bool
) -> tuple[list[tuple[float, Act, str]], int]:
    """Carry out the acts at their moments; give when each was done, what came of it, and the halts undone."""
    told = []
    resumed = 0
    for act in acts:
        # Mischief is no reason to rest: what the product halts by itself, an operator starts again.
        resumed += house.stack.resume("chaos goes on")
        time.sleep(max(began_s + act.at_s - time.time(), 0.0))
        at_s = time.time()
        came = house.restart() if act.kind == "restart" else carry_out(act, house.stack)
        told.append((at_s, act, came))
        if tell:
            print(f"{at_s - began_s:7.2f} {act.told()}: {came}", file=sys.stderr, flush=True)  # noqa: T201 -- asked for
    time.sleep(max(began_s + seconds - time.time(), 0.0))
    return told, resumed


def _end_mischief(house: House) -> None:
    """Clear the faults, and wait until every process is back, or the limit is over."""
    _insist(lambda: house.stack.tell_venue("/paper/faults", {}, method="DELETE"))
    _insist(lambda: house.stack.tell_venue("/paper/control", {"pardon": {}}))
    began_s = time.monotonic()
    while house.missing() and time.monotonic() - began_s < BACK_LIMIT_S:
        time.sleep(0.2)


def _sell_all(house: House) -> float:
    """Sell everything, and give the seconds until all agrees, or the limit."""
    began_s = time.monotonic()
    house.stack.manage("kill", "--level", "flatten")
    while time.monotonic() - began_s < CALM_LIMIT_S:
        if not oracles.judge(read_facts(house.stack), ("ledger", "fills", "left")):
            return time.monotonic() - began_s
        time.sleep(0.5)
    return CALM_LIMIT_S


def _reported(house: House) -> dict[str, Decimal]:
    """Ask our own reconcile what differs, as an operator would."""
    told = json.loads(house.stack.manage("reconcile", "--json"))
    return {each["asset"]: Decimal(each["difference"]) for each in told["differences"]}


def _insist(ask: Any) -> None:
    """Ask the venue until it answers; it may be about to start again."""
    began_s = time.monotonic()
    while True:
        try:
            ask()
            return
        except OSError:
            if time.monotonic() - began_s > BACK_LIMIT_S:
                raise SystemExit("the venue does not come back") from None
            time.sleep(0.2)


def _gather(house: House, told: list[tuple[float, Act, str]]) -> Facts:
    blocked = [*house.watch.away]
    skewed, coarser = [], []
    excused: set[str] = set()
    for at_s, act, came in told:
        menace = act.menace
        if menace is None or came != "armed":
            continue
        excused |= set(menace.excuses)
        ends_s = at_s + _lasts_s(act)
        if menace.blocks:
            blocked.append(Window(at_s, ends_s, act.what, act.details["params"].get("symbol")))
        if act.what == "rule-change" and act.details["params"]["rule"] != "tick":
            symbol = act.details["params"]["symbol"]
            coarser.append(Window(at_s, ends_s + RULES_AGE_S, act.what, symbol))
        if act.what == "clock-skew":
            skewed.append(Window(at_s - SKEW_MARGIN_S, ends_s + SKEW_MARGIN_S, act.what))
    return replace(
        read_facts(house.stack),
        calls=house.watch.calls(),
        excused=frozenset(excused),
        blocked=blocked,
        skewed=skewed,
        coarser=coarser,
    )


def _lasts_s(act: Act) -> float:
    params = act.details["params"]
    return float(
        max((params.get(n, 0.0) for n in ("duration_s", "ban_s", "stall_s")), default=0.0) or DEFAULT_BLOCK_S
    )


def _judge_house(house: House) -> list[str]:
    """Every process lives, and the product can say how it is."""
    lines = [f"alive: {name} has no process" for name in house.missing()]
    try:
        health = house.stack.status()["health"]
    except (json.JSONDecodeError, KeyError, SystemExit) as error:
        return [*lines, f"alive: status cannot be read: {error}"]
    return lines if isinstance(health, int) else [*lines, f"alive: health is {health!r}"]


def _report(seed: int, seconds: float, told: list[tuple[float, Act, str]], facts: Facts) -> dict[str, Any]:
    found = gaps(facts)
    return {
        "seed": seed,
        "seconds": seconds,
        "acts": dict(Counter(act.kind for _, act, _ in told)),
        "left_out": sum(came in ("nobody there", "no trade to repeat") for _, _, came in told),
        "entries": sum(row["role"] == "ENTRY" for row in facts.orders),
        "closed": sum(row["state"] == "CLOSED" for row in facts.trades),
        "orders": len(facts.orders),
        "fills": len(facts.fills),
        "longest_unprotected_s": round(max((gap.length_s for gap in found), default=0.0), 3),
        "longest_unprotected_venue_up_s": round(
            max((outside(gap, facts.blocked) for gap in found), default=0.0), 3
        ),
        "unprotected_s": round(sum(gap.length_s for gap in found), 3),
        "not_booked_of_others": {asset: str(n) for asset, n in oracles.unbooked(facts).items()},
        "calls": {f"{method} {code}": number for (method, code), number in sorted(facts.calls.items())},
        "told": [f"{at_s:.3f} {act.told()}: {came}" for at_s, act, came in told],
    }


def _keep(folder: Path, home: Path, facts: Facts, report: dict[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home, folder, ignore=shutil.ignore_patterns("*.sock", "static"))
    (folder / "ledger.json").write_text(json.dumps(facts.venue))
    (folder / "report.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    sys.exit(main())
