"""The dashboard's buttons: each is a POST that calls exactly one service and answers with a sentence.

Called by the dashboard's script. Login and the permission to operate are asked for at every one; a refusal
by a rule is an answer in words, never a crash.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import update_wrapper
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from trading import bootstrap
from trading.domain.ports import VenueError
from trading.domain.risk import TradingState
from trading.domain.workers import InvalidConfiguration
from trading.selectors.workers import parse_config
from trading.services import control, sales, workers

P = ParamSpec("P")
# What an act answers: a sentence, and lines below it where there is more to tell.
Answer = str | tuple[str, list[str]]
PERMISSION = "trading.operate_worker"
MAY_CREATE = "trading.add_worker"


def _act(
    view: Callable[Concatenate[HttpRequest, P], Answer],
) -> Callable[Concatenate[HttpRequest, P], JsonResponse]:
    """Guard an act, and turn its answer or its refusal into JSON."""

    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
        if not request.user.is_authenticated:
            return _refuse("Please log in again.", status=401)
        if not request.user.has_perm(PERMISSION):
            return _refuse("You may look, but not operate workers.", status=403)
        try:
            answer = view(request, *args, **kwargs)
            message, lines = (answer, []) if isinstance(answer, str) else answer
            return JsonResponse({"ok": True, "message": message, "lines": lines})
        except (workers.WorkerNotFound, sales.TradeNotFound) as error:
            return _refuse(str(error), status=404)
        except workers.NotAllowedNow as error:
            return _refuse(str(error), status=409)
        except VenueError as error:
            return _refuse(f"The venue did not do it: {error}", status=502)
        except UnknownAct as error:
            return _refuse(str(error), status=400)
        except PermissionDenied as error:
            return _refuse(str(error), status=403)
        except InvalidConfiguration as error:
            return _refuse(str(error), status=400, field=error.field)

    update_wrapper(guarded, view)
    return require_POST(guarded)


class UnknownAct(ValueError):
    """The address names no act of ours."""


@_act
def act_on_worker(request: HttpRequest, worker_id: int, act: str) -> str:
    """Start, stop, drain, flatten or delete one worker."""
    actor, reason, now = _actor(request), request.POST.get("reason", ""), bootstrap.utc_now()
    if act == "flatten":
        left = workers.flatten_worker(worker_id, actor=actor, desk=bootstrap.get_desk(), reason=reason)
        return f"The worker is stopped and its positions are sold; {left} trades are still open."
    acts = {
        "start": (workers.start_worker, "The worker is started."),
        "stop": (workers.stop_worker, "The worker is stopped; open trades keep their protection."),
        "drain": (workers.drain_worker, "The worker opens no more trades and stops when the last is closed."),
        "delete": (workers.delete_worker, "The worker is deleted; its trades, orders and journal stay."),
    }
    if act not in acts:
        raise UnknownAct(f"act: {act!r} is unknown; allowed are flatten, {', '.join(acts)}")
    service, sentence = acts[act]
    service(worker_id, actor=actor, now=now, reason=reason)
    return sentence


@_act
def create_worker(request: HttpRequest) -> str:
    """Make a worker from `name` and `config` (JSON as `selectors.workers.parse_config` takes it); start it.

    It stays stopped where `start` is not `yes`.
    """
    if not request.user.has_perm(MAY_CREATE):
        raise PermissionDenied("You may operate workers, but not make new ones.")
    try:
        raw = json.loads(request.POST.get("config", ""))
    except ValueError:
        raise UnknownAct("config: must be one JSON object") from None
    if not isinstance(raw, dict):
        raise UnknownAct("config: must be one JSON object")
    actor, now = _actor(request), bootstrap.utc_now()
    worker = workers.create_worker(request.POST.get("name", ""), parse_config(raw), actor=actor, now=now)
    if request.POST.get("start") != "yes":
        return f"{worker.name} is made, and stopped."
    workers.start_worker(worker.pk, actor=actor, now=now, reason=request.POST.get("reason", ""))
    return f"{worker.name} is made and started. It decides when its next candle closes."


@_act
def sell_trade(request: HttpRequest, trade_id: int) -> str:
    """Sell what one trade holds at market."""
    reason = request.POST.get("reason", "") or "dashboard"
    is_flat = sales.sell_trade(trade_id, actor=_actor(request), desk=bootstrap.get_desk(), reason=reason)
    return (
        "Nothing of it is held any more."
        if is_flat
        else "It is being sold; what the venue does not take now is tried again."
    )


@_act
def set_trading_state(request: HttpRequest, state: str) -> str:
    """Set what the whole account may do."""
    if state.upper() not in set(TradingState):
        raise UnknownAct(f"state: {state!r} is unknown; allowed are {', '.join(TradingState)}")
    wanted = TradingState(state.upper())
    reason = request.POST.get("reason", "")
    control.set_trading_state(wanted, actor=_actor(request), now=bootstrap.utc_now(), reason=reason)
    return f"Trading is now {wanted}."


@_act
def kill(request: HttpRequest, level: str) -> tuple[str, list[str]]:
    """Pull the kill switch at one of its three levels, and tell what is left, a line each."""
    if level not in set(control.KillLevel):
        raise UnknownAct(f"level: {level!r} is unknown; allowed are {', '.join(control.KillLevel)}")
    reason = request.POST.get("reason", "") or "dashboard"
    left = control.kill(
        control.KillLevel(level), actor=_actor(request), desk=bootstrap.get_desk(), reason=reason
    )
    return left.sentence, left.lines


def _actor(request: HttpRequest) -> str:
    return request.user.get_username()


def _refuse(message: str, *, status: int, field: str = "") -> JsonResponse:
    return JsonResponse({"ok": False, "message": message, "field": field}, status=status)
