"""The parts are made once per process, from the settings, and made anew in a forked child."""

import json
import os
import threading

import pytest
import redis

from trading import bootstrap


def test_a_part_is_made_once(redis_client: redis.Redis) -> None:
    assert bootstrap.get_venue() is bootstrap.get_venue()
    assert bootstrap.get_desk().venue is bootstrap.get_venue()
    assert bootstrap.get_desk().market is bootstrap.get_market()


def test_a_forked_child_makes_its_own(redis_client: redis.Redis) -> None:
    before = bootstrap.get_redis()
    pid = os.fork()
    if pid == 0:
        os._exit(int(bootstrap.get_redis() is before))

    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.django_db
def test_all_threads_that_send_are_there_before_the_first_order(redis_client: redis.Redis) -> None:
    bootstrap.get_desk.cache_clear()
    before = senders()

    bootstrap.warm_up()

    assert len(senders() - before) == bootstrap.SENDERS
    bootstrap.get_desk.cache_clear()


def senders() -> set[threading.Thread]:
    """Give the threads of this process that send; those of a former desk may be about to end."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("sender")}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"connected": True, "reconciled": True}, True),
        ({"connected": True, "reconciled": False}, False),
        ({"connected": True}, False),
        ({"connected": False, "reconciled": True}, False),
        (None, False),
    ],
)
def test_the_user_stream_is_up_when_it_says_so(
    redis_client: redis.Redis, status: dict[str, bool] | None, *, expected: bool
) -> None:
    if status is not None:
        redis_client.set(bootstrap.USER_STREAM_KEY, json.dumps(status))
    bootstrap.get_desk.cache_clear()

    assert bootstrap.get_desk().user_stream_is_up() is expected
