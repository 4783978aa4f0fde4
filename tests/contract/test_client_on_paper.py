"""The product's REST client against a venue: lives of orders, refusals, and answers that never come."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import redis

from tests.support.paper_venue import PaperServer
from tests.support.wire import (
    SYMBOL,
    a_bracket,
    a_resting_sale,
    an_account,
    an_order,
    best_ask,
    clock,
    statuses,
)
from trading.domain.executions import OrderTerms
from trading.domain.orders import ListKind, OrderStatus, OrderType, Side
from trading.domain.ports import OrderNotFound, VenueRefused, VenueUnavailable, VenueUncertain
from trading.domain.values import OrderRole, from_ms
from trading.exchange.client import BinanceVenue


@pytest.fixture
def server(running: PaperServer) -> PaperServer:
    """The shared venue without faults and used-up limits."""
    running.disarm()
    running.control(pardon=True, skew_ms=0)
    return running


@pytest.fixture
def venue(server: PaperServer, redis_client: redis.Redis) -> Iterator[BinanceVenue]:
    """The account through the product's client."""
    account = an_account(server, redis_client)
    yield account
    account.close()


@pytest.mark.parametrize("kind", [ListKind.OPOCO, ListKind.OTOCO])
def test_a_bracket_fills_protects_and_is_cancelled(
    server: PaperServer, venue: BinanceVenue, kind: ListKind
) -> None:
    bracket = a_bracket(best_ask(server), kind=kind)

    entry, above, below = venue.submit_list(bracket)
    if not entry.fills:
        entry = venue.query_order(SYMBOL, entry.client_order_id)
    fills = venue.list_order_fills(SYMBOL, entry.venue_order_id)
    exits = [venue.query_order(SYMBOL, leg.client_order_id).status for leg in (above, below)]
    venue.cancel_list(SYMBOL, bracket.client_list_id)

    assert entry.status is OrderStatus.FILLED
    assert sum(fill.qty for fill in fills) == bracket.orders[0].qty
    assert exits == [OrderStatus.ACCEPTED, OrderStatus.ACCEPTED]
    cancelled = [venue.query_order(SYMBOL, leg.client_order_id).status for leg in (above, below)]
    assert cancelled == [OrderStatus.CANCELED, OrderStatus.CANCELED]


def test_an_oco_protects_what_is_held(server: PaperServer, venue: BinanceVenue) -> None:
    oco = a_bracket(best_ask(server), kind=ListKind.OCO)

    reports = venue.submit_list(oco)

    assert statuses(reports) == ["ACCEPTED", "ACCEPTED"]
    assert {each.client_order_id for each in reports} == {each.client_order_id for each in oco.orders}
    assert {each.client_order_id for each in venue.list_open_orders()} >= {oco.above.client_order_id}
    venue.cancel_list(SYMBOL, oco.client_list_id)


def test_a_sale_takes_the_place_of_a_list(server: PaperServer, venue: BinanceVenue) -> None:
    oco = a_bracket(best_ask(server), kind=ListKind.OCO)
    venue.submit_list(oco)
    sale = an_order(OrderRole.EXIT, OrderType.MARKET)

    replacement = venue.replace_order(SYMBOL, oco.below.client_order_id, sale)

    cancelled = {each.client_order_id: each.status.value for each in replacement.cancelled}
    assert cancelled == {leg.client_order_id: "CANCELED" for leg in oco.orders}
    assert replacement.placed is not None
    assert replacement.placed.status is OrderStatus.FILLED
    assert replacement.placed.request_left_at is not None


def test_a_sale_is_not_attempted_where_nothing_is_left_to_replace(venue: BinanceVenue) -> None:
    replacement = venue.replace_order(SYMBOL, "fc-NEVER-S1", an_order(OrderRole.EXIT, OrderType.MARKET))

    assert (replacement.cancelled, replacement.placed) == ((), None)
    assert replacement.refusal == "code -2011: Unknown order sent."


def test_a_sale_that_breaks_a_filter_leaves_the_order_open(server: PaperServer, venue: BinanceVenue) -> None:
    order = a_resting_sale(server)
    venue.submit_order(order)
    sale = an_order(OrderRole.EXIT, OrderType.LIMIT, price=Decimal("0.00001"))

    with pytest.raises(VenueRefused):
        venue.replace_order(SYMBOL, order.client_order_id, sale)

    assert venue.query_order(SYMBOL, order.client_order_id).status is OrderStatus.ACCEPTED
    venue.cancel_order(SYMBOL, order.client_order_id)


def test_a_sale_that_fails_after_the_cancel_tells_both_halves(
    server: PaperServer, venue: BinanceVenue
) -> None:
    order = a_resting_sale(server)
    venue.submit_order(order)
    sale = replace(an_order(OrderRole.EXIT, OrderType.MARKET), qty=Decimal(3))

    replacement = venue.replace_order(SYMBOL, order.client_order_id, sale)

    assert [each.status for each in replacement.cancelled] == [OrderStatus.CANCELED]
    assert replacement.placed is None
    assert replacement.refusal.startswith("code -2010")


def test_a_market_order_brings_its_fills(venue: BinanceVenue) -> None:
    report = venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))

    assert report.status is OrderStatus.FILLED
    assert sum(fill.qty for fill in report.fills) == report.filled_qty == Decimal("0.001")
    assert {fill.fee_asset for fill in report.fills} <= {"USDT", "BNB"}


def test_a_cancelled_order_stays_findable_by_our_id(server: PaperServer, venue: BinanceVenue) -> None:
    order = a_resting_sale(server)
    venue.submit_order(order)

    venue.cancel_order(SYMBOL, order.client_order_id)

    assert venue.query_order(SYMBOL, order.client_order_id).status is OrderStatus.CANCELED
    with pytest.raises(OrderNotFound):
        venue.cancel_order(SYMBOL, order.client_order_id)


@pytest.mark.parametrize("by_venue_id", [True, False], ids=["by the venue's id", "by ours"])
def test_the_answer_to_another_question_says_nothing(
    server: PaperServer, venue: BinanceVenue, by_venue_id: bool
) -> None:
    sold = venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))
    order = a_resting_sale(server)
    placed = venue.submit_order(order)
    venue_id = placed.venue_order_id if by_venue_id else None
    server.arm("foreign-reply", methods=["order.status"])
    venue.query_order(SYMBOL, sold.client_order_id)

    with pytest.raises(VenueUnavailable, match="no usable answer"):
        venue.query_order(SYMBOL, order.client_order_id, venue_order_id=venue_id)

    assert venue.query_order(SYMBOL, order.client_order_id).status is OrderStatus.ACCEPTED
    venue.cancel_order(SYMBOL, order.client_order_id)


def test_an_order_that_never_was_is_not_found(venue: BinanceVenue) -> None:
    with pytest.raises(OrderNotFound):
        venue.query_order(SYMBOL, "fc-NEVER-E1")


def test_a_broken_filter_is_refused_with_the_venues_code(venue: BinanceVenue) -> None:
    order = an_order(OrderRole.ENTRY, OrderType.LIMIT, price=Decimal("0.00001"))

    with pytest.raises(VenueRefused) as refusal:
        venue.submit_order(order)

    assert refusal.value.code in (-1013, -1111)


@pytest.mark.parametrize("fault", [1, 2, 5])
def test_a_lost_answer_is_uncertain_and_the_order_is_there(
    server: PaperServer, venue: BinanceVenue, fault: int
) -> None:
    venue.sync_clock()
    order = a_resting_sale(server)
    server.arm(fault)

    with pytest.raises(VenueUncertain):
        venue.submit_order(order)

    server.disarm()
    assert venue.query_order(SYMBOL, order.client_order_id).status is OrderStatus.ACCEPTED
    venue.cancel_order(SYMBOL, order.client_order_id)


def test_what_was_claimed_too_long_ago_is_not_executed(server: PaperServer, venue: BinanceVenue) -> None:
    order = a_resting_sale(server)

    with pytest.raises(VenueUnavailable) as refusal:
        venue.submit_order(order, claimed_at=clock() - timedelta(seconds=2))

    assert refusal.value.code == -1021
    with pytest.raises(OrderNotFound):
        venue.query_order(SYMBOL, order.client_order_id)


def test_overload_is_unavailable(server: PaperServer, venue: BinanceVenue) -> None:
    venue.sync_clock()
    server.arm(7)

    with pytest.raises(VenueUnavailable):
        venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))


def test_an_answer_slower_than_our_patience_is_uncertain(
    server: PaperServer, redis_client: redis.Redis
) -> None:
    venue = an_account(server, redis_client, timeout_s=0.2)
    venue.sync_clock()
    server.arm("slow-reply", delay_s=0.5)

    with pytest.raises(VenueUncertain):
        venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))

    venue.close()


def test_nobody_at_the_address_is_unavailable(server: PaperServer, redis_client: redis.Redis) -> None:
    venue = an_account(server, redis_client, rest_url="http://127.0.0.1:9/api")

    with pytest.raises(VenueUnavailable):
        venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))


def test_a_skewed_clock_is_measured_before_the_first_order(server: PaperServer, venue: BinanceVenue) -> None:
    server.control(skew_ms=-8000)

    report = venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))

    assert report.status is OrderStatus.FILLED
    assert -8100 < venue.sync_clock() < -7900


def test_a_clock_that_drifted_is_measured_again_after_the_refusal(
    server: PaperServer, venue: BinanceVenue
) -> None:
    venue.sync_clock()
    server.control(skew_ms=9000)

    with pytest.raises(VenueUnavailable):
        venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))

    assert venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET)).status is OrderStatus.FILLED


def test_rules_volumes_candles_and_balances_are_read(venue: BinanceVenue) -> None:
    rules = {each.symbol: each for each in venue.instruments()}
    candles = venue.candles(SYMBOL, "1m", limit=20)

    assert rules[SYMBOL].opo_allowed
    assert venue.instrument(SYMBOL) == rules[SYMBOL]
    assert venue.instrument("NOSUCHUSDT") is None
    assert rules[SYMBOL].tick_size > 0
    assert venue.quote_volumes()[SYMBOL] >= 0
    assert len(candles) == 20
    assert {b.open_ms - a.open_ms for a, b in itertools.pairwise(candles)} == {60_000}
    assert (candles[-1].open_ms + 60_000) / 1000 <= clock().timestamp()
    assert {each.asset for each in venue.balances()} >= {"USDT", "BTC"}


def test_fees_fills_and_past_prices_are_read(server: PaperServer, venue: BinanceVenue) -> None:
    since = clock()
    sold = venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))

    fees = venue.fees(SYMBOL)
    fills = venue.list_fills(SYMBOL, since=since)
    found = venue.query_order(SYMBOL, "", venue_order_id=sold.venue_order_id)
    price = venue.price_at(SYMBOL, sold.reported_at)

    assert (fees.maker, fees.taker, fees.discount_asset) == (Decimal("0.001"), Decimal("0.001"), "BNB")
    assert {fill.venue_order_id for fill in fills} >= {sold.venue_order_id}
    assert found.client_order_id == sold.client_order_id
    assert found.terms == OrderTerms(Side.SELL, Decimal("0.001"), None)
    assert price == pytest.approx(best_ask(server), rel=Decimal("0.01"))
    assert venue.price_at(SYMBOL, from_ms(0)) is None


def test_a_secret_never_shows_in_an_error(server: PaperServer, redis_client: redis.Redis) -> None:
    venue = an_account(server, redis_client, api_key="topsecretkey", api_secret="topsecretvalue")

    with pytest.raises(VenueRefused) as refusal:
        venue.balances()

    words = f"{refusal.value!r} {refusal.value.__cause__!r}"
    assert "topsecret" not in words
    assert "signature=" not in words
    venue.close()
