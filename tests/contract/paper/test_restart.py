"""A venue that is killed goes on where it stopped: orders, balances, numbers, prices."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from binance.client import Client

from tests.support.paper_venue import PaperServer

ROOT = Path(__file__).parents[3]


class PaperProcess(PaperServer):
    """A venue in a process of its own, speaking through the same hands."""

    def __init__(self, state: Path, *options: str) -> None:
        super().__init__()
        command = [sys.executable, "-m", "trading.paper", "--port", "0", "--symbols", "BTCUSDT,ETHUSDT"]
        self.process = subprocess.Popen(
            [*command, "--state", str(state), *options], stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        ready = re.fullmatch(r"paper venue ready on (http://\S+)\n", line)
        assert ready, line
        self.url = ready[1]

    def end(self, number: int) -> int:
        """Send a signal and give the exit status."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=20)
        assert "Traceback" not in rest
        self._closing.close()
        return self.process.returncode


@contextmanager
def paper_process(state: Path, *options: str) -> Iterator[PaperProcess]:
    process = PaperProcess(state, *options)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


def rest_a_buy(client: Client) -> int:
    order_id: int = client.order_limit_buy(symbol="BTCUSDT", quantity="0.001", price="20000")["orderId"]
    return order_id


def test_a_killed_venue_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with paper_process(state) as first:
        client = first.client()
        resting = rest_a_buy(client)
        client.order_market_buy(symbol="ETHUSDT", quantity="0.1")
        last = rest_a_buy(client)
        before = first.paper("ledger")
        first.end(signal.SIGKILL)

    with paper_process(state) as second:
        after = second.paper("ledger")
        client = second.client()
        open_ids = [order["orderId"] for order in client.get_open_orders(symbol="BTCUSDT")]
        fresh = rest_a_buy(client)

    assert after == before
    assert open_ids == [resting, last]
    assert fresh == last + 1


def test_prices_go_on_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with paper_process(state) as first:
        before = Decimal(first.client().get_symbol_ticker(symbol="BTCUSDT")["price"])
        first.end(signal.SIGTERM)

    with paper_process(state, "--seed", "99") as second:
        after = Decimal(second.client().get_symbol_ticker(symbol="BTCUSDT")["price"])

    assert abs(after / before - 1) < Decimal("0.01")


def test_symbols_of_kept_orders_stay_listed(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with paper_process(state) as first:
        resting = rest_a_buy(first.client())
        first.end(signal.SIGTERM)

    with paper_process(state, "--symbols", "SOLUSDT") as second:
        cancelled = second.client().cancel_order(symbol="BTCUSDT", orderId=resting)

    assert cancelled["status"] == "CANCELED"


def test_a_line_torn_by_the_kill_is_left_out(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with paper_process(state) as first:
        resting = rest_a_buy(first.client())
        first.end(signal.SIGKILL)
    with state.open("ab") as stream:
        stream.write(b'{"version": 1, "acc')

    with paper_process(state) as second:
        orders = second.client().get_open_orders(symbol="BTCUSDT")

    assert [order["orderId"] for order in orders] == [resting]


def test_the_venue_stops_cleanly_on_both_signals(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with paper_process(tmp_path / f"{number}.jsonl") as process:
            assert process.end(number) == os.EX_OK
