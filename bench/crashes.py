"""`python -m bench.crashes`: SIGKILL of a trader between any two statements, and what a restart makes of it.

A forked child takes a turn, looks after a trade or reconciles, with the product's own services and client,
against the paper venue over HTTP and a real database, and kills itself at a chosen boundary. Further
children do what a restart does. Then our rows are compared with the venue's ledger, once with the trade
still open and once after it has ended. A dry run of each story numbers and names the boundaries first.

A point is a function of the services. Each is struck by `--seeds` seeds, and at every boundary in it at least
once; a seed chooses the boundary, the story, and when the batch is delivered again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from bench import private_servers
from bench.boundaries import Boundary
from bench.children import run
from bench.crash_stories import STORIES, Story, act, prepare, restart
from bench.real_desk import BALANCES, PRICES, migrate, settle_in
from bench.still_venue import run_still_venue

Strike = tuple[Story, Boundary, int]


@dataclass(slots=True)
class Verdict:
    """What the runs gave. Runs by point and boundaries by name; violations name how to repeat them."""

    runs: Counter[str] = field(default_factory=Counter)
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    missed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def main() -> int:
    """Strike every point and print the table; 1 where a rule was broken or a point was not reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.crashes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="strikes of each point (default 20)")
    parser.add_argument("--database", choices=(*private_servers.DATABASES, "both"), default="both")
    parser.add_argument("--story", choices=[story.name for story in STORIES], help="this story alone")
    parser.add_argument("--every", action="store_true", help="every boundary of every story, once")
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    options = parser.parse_args()
    if not private_servers.is_on(options.database):
        given = [part for part in sys.argv[1:] if part != options.database and part != "--database"]
        return private_servers.run_on("bench.crashes", options.database, given)
    stories = [story for story in STORIES if options.story in (None, story.name)]
    began = time.monotonic()
    with private_servers.running() as home:
        found = strike_all(stories, seeds=options.seeds, is_every=options.every, said=home / "said.txt")
    _print(found, database=options.database, took_s=time.monotonic() - began, as_json=options.json)
    return 1 if found.violations or found.missed else 0


def strike_all(stories: Sequence[Story], *, seeds: int, is_every: bool, said: Path) -> Verdict:
    """Make the tables, number the boundaries, strike them."""
    run(migrate, said=said)
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, said=said)
    passed = {story.name: number(story, said=said) for story in stories}
    found = Verdict()
    for strike in every_boundary(stories, passed) if is_every else choose(stories, passed, seeds=seeds):
        strike_once(strike, found, said=said)
    return found


def number(story: Story, *, said: Path) -> list[Boundary]:
    """Give the boundaries of a story in their order, from a run that nobody disturbs.

    Raises:
        ChildFailed: The undisturbed story does not end well.
    """
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        scene = run(prepare, story, venue, 0, said=said).answer
        story.stage(venue)
        passed: list[Boundary] = run(act, story, venue, scene, None, said=said).answer
    return passed


def every_boundary(stories: Sequence[Story], passed: dict[str, list[Boundary]]) -> Iterator[Strike]:
    """Give every boundary of every story once."""
    pairs = ((story, boundary) for story in stories for boundary in passed[story.name])
    yield from ((story, boundary, seed) for seed, (story, boundary) in enumerate(pairs))


def choose(
    stories: Sequence[Story], passed: dict[str, list[Boundary]], *, seeds: int, is_thorough: bool = True
) -> Iterator[Strike]:
    """Give the strikes of each point: one for each seed, and more where it has more boundaries than seeds."""
    places: dict[str, dict[str, list[tuple[Story, Boundary]]]] = defaultdict(lambda: defaultdict(list))
    for story in stories:
        for boundary in passed[story.name]:
            places[boundary.place][boundary.name].append((story, boundary))
    for place, names in sorted(places.items()):
        order = sorted(names)
        random.Random(place).shuffle(order)
        runs = max(seeds, len(order)) if is_thorough else seeds
        for seed in range(runs):
            told = names[order[seed % len(order)]]
            story, boundary = random.Random(f"{place} {seed}").choice(told)
            yield story, boundary, seed


def strike_once(strike: Strike, found: Verdict, *, said: Path) -> None:
    """Tell the story, kill at the boundary, restart, judge."""
    story, boundary, seed = strike
    began = time.monotonic()
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        scene = run(prepare, story, venue, seed, said=said).answer
        story.stage(venue)
        ended = run(act, story, venue, scene, boundary, said=said)
        wrong = run(restart, story, venue, scene, said=said).answer
    found.slowest_s = max(found.slowest_s, time.monotonic() - began)
    told = f"{story.name}, {boundary.name} ({boundary.number}.), seed {seed}"
    if not ended.was_killed:
        found.missed.append(told)
    found.runs[boundary.place] += 1
    found.names[boundary.place].add(boundary.name)
    found.violations += [f"{told}: {each}" for each in wrong]


def _print(found: Verdict, *, database: str, took_s: float, as_json: bool) -> None:
    figures = {
        "database": database,
        "points": len(found.runs),
        "boundaries": sum(map(len, found.names.values())),
        "runs": found.runs.total(),
        "not_reached": len(found.missed),
        "violations": len(found.violations),
        "slowest_run_s": round(found.slowest_s, 2),
        "took_s": round(took_s),
    }
    if as_json:
        _say(json.dumps(figures))
    else:
        _say(f"{'point':<38} boundaries  runs")
        for place, runs in sorted(found.runs.items()):
            _say(f"{place:<38} {len(found.names[place]):>10} {runs:>5}")
        _say(", ".join(f"{name} {value}" for name, value in figures.items()))
    for line in islice([*found.violations, *(f"not reached: {each}" for each in found.missed)], 100):
        sys.stderr.write(f"{line}\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
