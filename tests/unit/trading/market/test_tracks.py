"""A candle passes exactly once and in order; what is missing is asked for, with growing patience."""

from trading.domain.market import Candle
from trading.market.tracks import FIRST_WAIT_MS, GRACE_MS, MAX_WAIT_MS, Track, Verdict

MINUTE = 60_000


def candle(minute: int) -> Candle:
    return Candle("BTCUSDT", "1m", minute * MINUTE, 1.0, 2.0, 0.5, 1.5, 10.0)


def opens(candles: list[Candle]) -> list[int]:
    return [each.open_ms // MINUTE for each in candles]


def a_track(last_minute: int = 10) -> Track:
    track = Track("BTCUSDT", "1m")
    track.begin([candle(minute) for minute in range(last_minute + 1)])
    return track


def test_the_next_candle_is_appended_once() -> None:
    track = a_track()

    assert track.judge(candle(11)) is Verdict.APPEND
    assert track.judge(candle(11)) is Verdict.DUPLICATE
    assert track.judge(candle(3)) is Verdict.DUPLICATE
    assert (track.last_ms, track.rows) == (11 * MINUTE, 12)


def test_candles_after_a_gap_wait_for_what_is_missing() -> None:
    track = a_track()

    assert track.judge(candle(13)) is Verdict.WAIT
    assert track.judge(candle(11)) is Verdict.WAIT
    assert track.is_overdue(now_ms=0)
    assert opens(track.fill([candle(12)], now_ms=0)) == [11, 12, 13]


def test_a_gap_of_the_venue_stays_a_gap() -> None:
    track = a_track()
    track.judge(candle(14))
    track.missing(now_ms=15 * MINUTE)

    assert opens(track.fill([candle(10)], now_ms=0)) == [14]
    assert track.judge(candle(15)) is Verdict.APPEND


def test_an_answer_to_an_earlier_question_proves_no_gap() -> None:
    track = a_track()
    track.missing(now_ms=11 * MINUTE)
    track.judge(candle(13))

    assert opens(track.fill([candle(11)], now_ms=0)) == [11]
    assert track.is_overdue(now_ms=0)


def test_a_new_track_keeps_what_closes_while_its_history_is_fetched() -> None:
    track = Track("BTCUSDT", "1m")

    assert track.is_overdue(now_ms=0)
    assert track.judge(candle(5)) is Verdict.WAIT
    assert opens(track.begin([candle(3), candle(4)])) == [5]


def test_a_candle_that_does_not_come_is_asked_for_after_its_grace() -> None:
    track = a_track()
    due_ms = 12 * MINUTE + GRACE_MS

    assert not track.is_overdue(due_ms - 1)
    assert track.is_overdue(due_ms)
    assert track.missing(due_ms) == 4


def test_questions_without_news_become_rarer() -> None:
    track = a_track()
    now_ms = 20 * MINUTE
    waits = []
    for _ in range(9):
        track.fill([], now_ms=now_ms)
        waits.append(track.retry_at_ms - now_ms)
        now_ms = track.retry_at_ms

    assert waits[:3] == [FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]
    assert waits[-1] == MAX_WAIT_MS
    assert not track.is_overdue(now_ms - 1)


def test_a_history_that_was_lost_begins_anew() -> None:
    track = a_track()

    track.restart()

    assert track.missing(now_ms=0) is None
    assert track.judge(candle(11)) is Verdict.WAIT
