"""The process dies right after each step of the life of an order; a restart must end in the ledger of the
undisturbed run (docs/architecture.md, "The life of an order").

The scenario: two candles, both with a signal. Undisturbed, the first opens a trade, the second finds the
symbol busy, the target is reached. A crash loses the process's memory and every event of the user stream;
the queue delivers the unacknowledged batch again, and reconcile runs, as it does at every start.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from tests.support.desk import START, Scene, a_scene
from tests.support.trading import a_worker, always, close_candles, ledger, prepare
from trading import events
from trading.services import cycle, entries, executions, reconcile, signals, submit, upkeep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always"), pytest.mark.story]
__all__ = ["always"]


class PowerCut(BaseException):
    """Not an Exception: nothing may catch it on its way out."""


def _cut_before(*_: Any, **__: Any) -> Any:
    raise PowerCut


def _cut_after(original: Callable[..., Any]) -> Callable[..., Any]:
    def run_and_die(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        raise PowerCut

    return run_and_die


def _cut_after_second(original: Callable[..., Any]) -> Callable[..., Any]:
    calls = []

    def run_and_die(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        calls.append(1)
        if len(calls) == 2:
            raise PowerCut
        return result

    return run_and_die


# step of the table -> where the process dies. Steps 1 and 2 (hear, remember) end before a task exists.
STEPS: dict[str, tuple[Any, str, Callable[[Callable[..., Any]], Any]]] = {
    "3 take a turn": (cycle, "_decide", lambda _: _cut_before),
    "4 look": (signals.SignalBook, "_read", _cut_after),
    "5 decide": (signals.SignalBook, "decide", _cut_after),
    "6 size and check": (entries, "_check", _cut_after),
    "7 record, not committed": (entries, "record_claimed", _cut_after),
    "7 record, claimed only": (cycle, "record_entries", _cut_after),
    "8 send": (cycle, "send", _cut_after),
    "9 hear back": (submit, "apply_reports", lambda _: _cut_before),
    "10 book, not committed": (executions, "_save", _cut_after),
    "10 book": (submit, "apply_reports", _cut_after),
    "11 tell": (events, "trade_changed", _cut_after_second),
    "10 booked, not protected": (cycle, "_protect", lambda _: _cut_before),
}
_LEDGERS: dict[str, dict[str, object]] = {}
RUNGS = {"OPOCO": "BTCUSDT", "OTOCO": "ADAUSDT", "OCO": "DOGEUSDT", "SUPERVISED": "LTCUSDT"}
# symbol -> bid, ask, and a bid beyond the target of 50 bps
PRICES = {
    "BTCUSDT": ("100.00", "100.01", "101.00"),
    "ADAUSDT": ("0.5000", "0.5001", "0.5050"),
    "DOGEUSDT": ("0.10000", "0.10001", "0.10100"),
    "LTCUSDT": ("80.00", "80.01", "80.80"),
}


def _first_candle(scene: Scene, symbol: str, *, cut: Callable[[], None] | None = None) -> None:
    batch = close_candles(scene, symbol)
    if cut is None:
        cycle.run_batch(batch, desk=scene.desk)
        return
    cut()
    with pytest.raises(PowerCut):
        cycle.run_batch(batch, desk=scene.desk)


def _restart(scene: Scene, symbol: str) -> None:
    scene.engine.drain_events()  # nobody was listening
    cycle.run_batch(close_candles(scene, symbol), desk=scene.desk)  # delivered again
    reconcile.run(desk=scene.desk, reason="start")
    scene.clock.advance(20)  # past the moment at which an unknown request could still enter
    _quote(scene, symbol)
    reconcile.run(desk=scene.desk, reason="schedule")
    upkeep.run(desk=scene.desk)


def _quote(scene: Scene, symbol: str, *, at_target: bool = False) -> None:
    bid, ask, target = PRICES[symbol]
    if at_target:
        bid, ask = target, str(Decimal(target) + Decimal(ask) - Decimal(bid))
    scene.quote(symbol, bid, ask, qty="100000")


def _second_candle_and_target(scene: Scene, symbol: str) -> dict[str, object]:
    scene.clock.now = START + timedelta(seconds=60)
    _quote(scene, symbol)
    cycle.run_batch(close_candles(scene, symbol), desk=scene.desk)
    scene.pump()
    upkeep.run(desk=scene.desk)
    _quote(scene, symbol, at_target=True)
    scene.pump()
    upkeep.run(desk=scene.desk)
    reconcile.run(desk=scene.desk, reason="schedule")
    return ledger(scene)


def _scene(symbol: str) -> Scene:
    scene = a_scene()
    prepare(scene)
    _quote(scene, symbol)
    a_worker(scene, symbol)
    return scene


def _undisturbed(symbol: str) -> dict[str, object]:
    """Give the ledger of the run without a crash, made once per symbol."""
    if symbol not in _LEDGERS:
        scene = _scene(symbol)
        _first_candle(scene, symbol)
        _LEDGERS[symbol] = _second_candle_and_target(scene, symbol)
        call_command("flush", interactive=False, verbosity=0)
    return _LEDGERS[symbol]


@pytest.mark.parametrize("symbol", RUNGS.values(), ids=RUNGS)
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_after_any_step_ends_in_the_undisturbed_ledger(
    step: str, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _undisturbed(symbol)
    scene = _scene(symbol)
    place, name, wrap = STEPS[step]

    with monkeypatch.context() as patch:
        wrapped = wrap(getattr(place, name))
        _first_candle(scene, symbol, cut=lambda: patch.setattr(place, name, wrapped))
    _restart(scene, symbol)

    assert _second_candle_and_target(scene, symbol) == expected
