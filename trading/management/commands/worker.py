"""`manage.py worker create|list|start|stop|drain|flatten|delete`: everything the admin can do to a worker.

With --json one JSON value goes to standard output. Exit 1: not allowed now, or something is left open.
Exit 2: a wrong option value or an unknown worker, said in one line.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.domain.risk_score import FULL_SIZE_RISK, MAX_RISK
from trading.domain.strategy import STRATEGIES
from trading.domain.values import InvalidNumber, to_decimal
from trading.domain.workers import LIMITS, InvalidConfiguration
from trading.models import Worker
from trading.selectors import workers as reads
from trading.selectors.rollout import tell_cut
from trading.services import workers

ACTOR = "command"
WRONG_USAGE = 2
LARGEST_AMOUNT = Decimal(1_000_000_000_000)
SMALLEST_AMOUNT = Decimal("0.00000001")
DEFAULTS = {
    "max_open_trades": 5,
    "take_profit_bps": 60,
    "stop_loss_bps": 60,
    "trailing_bps": 0,
    "max_hold_s": 3600,
    "cooldown_s": 0,
    "max_spread_bps": 10,
    "max_slippage_bps": 10,
    "full_size_risk": FULL_SIZE_RISK,
    "max_risk": MAX_RISK,
}
SENTENCES = {
    "start": "is started",
    "stop": "is stopped; open trades keep their protection",
    "drain": "opens no more trades and stops when its last one is closed",
    "delete": "is deleted; its ledger stays",
}


def read_amount(text: str) -> Decimal:
    """Read an amount exactly, within what the database keeps."""
    try:
        amount = to_decimal(text)
    except InvalidNumber as error:
        raise ArgumentTypeError(str(error)) from None
    if not 0 <= amount <= LARGEST_AMOUNT or amount != amount.quantize(SMALLEST_AMOUNT):
        raise ArgumentTypeError(f"from 0 to {LARGEST_AMOUNT:,f} with at most 8 decimals, not {text}")
    return amount


def read_parameter(text: str) -> tuple[str, float]:
    """Read `name=value`."""
    name, mark, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        mark = ""
    if not mark or not name:
        raise ArgumentTypeError(f"{text!r} is not name=number")
    return name, number


class Command(BaseCommand):
    """Look after workers from a script."""

    help = "Makes, lists, starts, stops, drains, flattens and deletes workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare a sub-command for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        _add_create(acts.add_parser("create", help="Make a stopped worker"))
        acts.add_parser("list", help="Show all workers").add_argument("--json", action="store_true")
        for act, sentence in (*SENTENCES.items(), ("flatten", "is stopped and everything it holds is sold")):
            parser = acts.add_parser(act, help=f"The worker {sentence}")
            parser.add_argument("worker", help="Id or name")
            parser.add_argument("--reason", default="", help="Goes into the journal")
            parser.add_argument("--json", action="store_true")

    def handle(self, **options: Any) -> None:
        """Do one act, turning refusals into one line."""
        acts: dict[str, Callable[[Namespace], int]] = {
            "create": self._create,
            "list": self._list,
            "flatten": self._flatten,
        }
        try:
            status = acts.get(options["act"], self._change_state)(Namespace(**options))
        except InvalidConfiguration as error:
            raise CommandError(_to_option(error), returncode=WRONG_USAGE) from None
        except workers.WorkerNotFound as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        except workers.NotAllowedNow as error:
            raise CommandError(str(error), returncode=1) from None
        events.flush()
        if status:
            sys.exit(status)

    def _create(self, options: Namespace) -> int:
        now = bootstrap.utc_now()
        worker = workers.create_worker(
            options.name, reads.parse_config(_raw_config(options)), actor=ACTOR, now=now
        )
        if options.start:
            worker = workers.start_worker(worker.pk, actor=ACTOR, now=now)
        self._tell(worker, "is made" if not options.start else "is made and started", as_json=options.json)
        return 0

    def _list(self, options: Namespace) -> int:
        rows = [_to_json(worker) for worker in reads.list_workers()]
        if options.json:
            self.stdout.write(json.dumps(rows))
        for row in () if options.json else rows:
            self.stdout.write(
                f"{row['id']:>4}  {row['state']:<9} {row['name']} ({row['config']['strategy']})"
            )
        return 0

    def _change_state(self, options: Namespace) -> int:
        acts = {
            "start": workers.start_worker,
            "stop": workers.stop_worker,
            "drain": workers.drain_worker,
            "delete": workers.delete_worker,
        }
        worker_id = _find(options.worker).pk
        worker = acts[options.act](worker_id, actor=ACTOR, now=bootstrap.utc_now(), reason=options.reason)
        self._tell(worker, SENTENCES[options.act], as_json=options.json)
        return 0

    def _flatten(self, options: Namespace) -> int:
        worker = _find(options.worker)
        left = workers.flatten_worker(
            worker.pk, actor=ACTOR, desk=bootstrap.get_desk(), reason=options.reason
        )
        worker.refresh_from_db()
        if options.json:
            self.stdout.write(json.dumps({**_to_json(worker), "open_trades": left}))
        else:
            self.stdout.write(f"worker {worker.name!r} is stopped; {left} trades are still open")
        return 1 if left else 0

    def _tell(self, worker: Worker, sentence: str, *, as_json: bool) -> None:
        cut = tell_cut(worker.version) if worker.version else ""
        if cut:
            self.stderr.write(f"worker {worker.pk} {worker.name!r}: {cut}")
        text = json.dumps(_to_json(worker)) if as_json else f"worker {worker.pk} {worker.name!r} {sentence}"
        self.stdout.write(text)


def _add_create(parser: ArgumentParser) -> None:
    parser.add_argument("--name", required=True)
    parser.add_argument("--strategy", required=True, choices=sorted(STRATEGIES))
    universe = parser.add_mutually_exclusive_group(required=True)
    universe.add_argument("--symbols", help="A,B: exactly these")
    universe.add_argument("--quote-asset", help="A rule: symbols of this quote asset, say USDT")
    parser.add_argument("--top", type=int, default=10, help="Rule: so many by 24 h volume (10)")
    parser.add_argument("--min-quote-volume", type=read_amount, default=Decimal(0), help="Rule: 24 h volume")
    parser.add_argument("--minimum-age-days", type=int, default=0, help="Rule: days since first seen")
    parser.add_argument("--interval", default="1m")
    parser.add_argument("--trade-notional", type=read_amount, required=True, help="Quote asset for one trade")
    parser.add_argument(
        "--budget", type=read_amount, help="Quote asset for all (trade-notional x max-open-trades)"
    )
    for field, default in DEFAULTS.items():
        low, high = LIMITS[field]
        text = f"{low} to {high} ({default})"
        parser.add_argument(f"--{field.replace('_', '-')}", type=int, default=default, help=text)
    parser.add_argument("--param", type=read_parameter, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--start", action="store_true", help="Start it at once")
    parser.add_argument("--json", action="store_true")


def _raw_config(options: Namespace) -> dict[str, Any]:
    if options.symbols is not None:
        symbols = [symbol.strip() for symbol in options.symbols.split(",") if symbol.strip()]
        universe: dict[str, Any] = {"symbols": symbols}
    else:
        universe = {
            "quote_asset": options.quote_asset,
            "top": options.top,
            "min_quote_volume": str(options.min_quote_volume),
            "minimum_age_days": options.minimum_age_days,
        }
    budget = options.trade_notional * options.max_open_trades if options.budget is None else options.budget
    return {
        "strategy": options.strategy,
        "parameters": dict(options.param),
        "interval": options.interval,
        "universe": universe,
        "trade_notional": options.trade_notional,
        "budget": budget,
        **{field: getattr(options, field) for field in DEFAULTS},
    }


def _to_option(error: InvalidConfiguration) -> str:
    """Name the option instead of the field."""
    if error.field == "parameters":
        return f"--param: {error.message}"
    name, message = error.field, error.message
    if name == "universe":
        name, _, message = message.partition(": ")
    return f"--{name.replace('_', '-')}: {message}"


def _find(text: str) -> Worker:
    rows = {str(worker.pk): worker for worker in reads.list_workers()}
    names = {worker.name: worker for worker in rows.values()}
    found = rows.get(text) or names.get(text)
    if found is None:
        raise workers.WorkerNotFound(f"no worker has the id or name {text!r}; see `worker list`")
    return found


def _to_json(worker: Worker) -> dict[str, Any]:
    version = worker.version
    return {
        "id": worker.pk,
        "name": worker.name,
        "state": str(worker.state),
        "version": version.number if version else None,
        "config": reads.config_to_json(reads.get_config(version)) if version else {},
    }
