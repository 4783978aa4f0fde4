"""What a trader may be doing when it dies, and what a restart does afterwards.

A story has up to four parts, each in a process of its own: `prepare` (an open ledger, a held trade where the
story begins with one), `stage` (what the venue will do), `act` (the part that is killed), `restart`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from bench.aftermath import judge
from bench.boundaries import Boundary, Gate, standing
from bench.real_desk import MAX_HOLD_S, RUNGS, RealDesk, batch, newest_candle, open_account, price_at_target
from bench.still_venue import StillVenue
from trading.models import Order, Trade
from trading.services import control, cycle, reconcile, upkeep

BTC, ADA, DOGE, LTC = RUNGS.values()
# Seconds after the restart at which it is looked again: past the grace of what was never sent, past the
# moment at which an unknown request could still enter the venue's engine, and on for what had to pause.
ROUNDS_S = (0.0, 1.0, 3.0, 11.0, 15.0, 20.0, 30.0, 45.0, 90.0, 180.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """One telling of a story: which candle is decided on, how the batch comes again."""

    symbols: tuple[str, ...]
    opened: datetime
    seed: int = 0


Act = Callable[[RealDesk, Scene], object]


@dataclass(frozen=True, slots=True)
class Story:
    """What happens. `is_held`: it begins with a protected trade; `ahead_s`: how much later the act is."""

    name: str
    symbols: tuple[str, ...]
    act: Act
    stage: Callable[[StillVenue], None] = lambda venue: None
    is_held: bool = False
    ahead_s: float = 0.0


def take_turn(desk: RealDesk, scene: Scene) -> object:
    """Take the batch."""
    return cycle.run_batch(batch(scene.symbols, scene.opened), desk=desk.desk)


def look_after(desk: RealDesk, scene: Scene) -> object:
    """Make a watchdog round."""
    return upkeep.run(desk=desk.desk)


def agree(desk: RealDesk, scene: Scene) -> object:
    """Reconcile."""
    return reconcile.run(desk=desk.desk, reason="schedule")


def flatten(desk: RealDesk, scene: Scene) -> object:
    """Pull the kill switch."""
    return control.kill(control.KillLevel.FLATTEN, actor="bench", desk=desk.desk)


def _reach_target(venue: StillVenue) -> None:
    venue.set_price(ADA, *price_at_target(ADA))


LATE_S = MAX_HOLD_S + 1.0
STORIES = (
    *(Story(f"entry {rung}", (symbol,), take_turn) for rung, symbol in RUNGS.items()),
    Story("two entries at once", (BTC, DOGE), take_turn),
    Story("entry finds no seller", (BTC,), take_turn, lambda venue: venue.set_price(BTC, "100.00", "200.00")),
    Story("protection refused", (DOGE,), take_turn, lambda venue: venue.set_rules(DOGE, oco_allowed=False)),
    Story("entry executed, answer lost", (BTC,), take_turn, lambda venue: venue.arm(1)),
    Story("entry not executed, nobody knows", (ADA,), take_turn, lambda venue: venue.arm(4)),
    Story("protection placed, answer lost", (DOGE,), take_turn, lambda venue: venue.arm(1, skip=1)),
    Story("time exit", (BTC,), look_after, is_held=True, ahead_s=LATE_S),
    Story("time exit of a stop", (LTC,), look_after, is_held=True, ahead_s=LATE_S),
    Story("sale executed, answer lost", (ADA,), look_after, lambda venue: venue.arm(1), True, LATE_S),
    Story("target filled, nobody listened", (ADA,), agree, _reach_target, is_held=True),
    Story("kill switch", (DOGE,), flatten, is_held=True),
)


def prepare(story: Story, venue: StillVenue, seed: int) -> Scene:
    """Begin: an account as on the first day, and a trade where the story has one."""
    open_account(venue)
    desk = RealDesk(venue)
    scene = Scene(story.symbols, newest_candle(), seed)
    if story.is_held:
        desk.see(scene.symbols, scene.opened)
        take_turn(desk, scene)
        agree(desk, scene)  # the exits that the fill brought to life are told by the stream, or asked for
        held = Trade.objects.get()
        assert held.is_protected, f"{story.name}: the trade is {held.state} without protection"
    return scene


def act(story: Story, venue: StillVenue, scene: Scene, fatal: Boundary | None) -> list[Boundary]:
    """Do what the story is about, and die at the fatal boundary; give the boundaries passed otherwise."""
    gate = Gate(fatal)
    desk = RealDesk(venue, ahead_s=story.ahead_s)
    desk.see(scene.symbols, scene.opened)
    with standing(gate):
        story.act(desk, scene)
    return gate.passed


def restart(story: Story, venue: StillVenue, scene: Scene) -> list[str]:
    """Do what a restart does until all is clean, then let every trade end; name what is wrong."""
    desk = RealDesk(venue)
    for after_s in ROUNDS_S:
        desk.move_to(story.ahead_s + after_s)
        desk.see(scene.symbols, scene.opened)
        _come_back(desk, scene, is_first=after_s == 0)
        if after_s > ROUNDS_S[1] and _is_quiet():
            break
    found = judge(venue.ledger())
    if found:
        return found
    for _ in range(3):
        desk.move_to(desk.clock.ahead_s + LATE_S)
        desk.see(scene.symbols, scene.opened)
        upkeep.run(desk=desk.desk)
        reconcile.run(desk=desk.desk, reason="schedule")
    return [f"{each} (at the end)" for each in judge(venue.ledger(), is_flat=True)]


def _come_back(desk: RealDesk, scene: Scene, *, is_first: bool) -> None:
    """Reconcile and look after the trades; the batch is delivered again before, after, late or never."""
    when = scene.seed % 4
    again = replace(scene, seed=0)
    if is_first and when == 0:
        take_turn(desk, again)
    reconcile.run(desk=desk.desk, reason="start")
    if (is_first and when == 1) or (not is_first and when == 2):
        take_turn(desk, again)
    upkeep.run(desk=desk.desk)


def _is_quiet() -> bool:
    """Nothing is unknown, and everything held is protected."""
    waiting = Trade.objects.filter(state__in=["OPENING", "CLOSING"]) | Trade.objects.filter(
        state="OPEN", is_protected=False
    )
    unknown = Order.objects.filter(status__in=["INITIALIZED", "SUBMITTED"])
    return not waiting.exists() and not unknown.exists()
