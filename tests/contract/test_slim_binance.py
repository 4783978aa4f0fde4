"""python-binance is loaded by halves: what is never used costs no memory, and is there for who asks."""

import subprocess
import sys

SLIM = "import sys, trading.exchange.client as ours; assert 'aiohttp' not in sys.modules; "


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_rest_comes_when_it_is_asked_for() -> None:
    done = run(
        SLIM + "import binance; assert binance.__version__; from binance import AsyncClient, Client; "
        "assert Client is ours.Client and AsyncClient and 'aiohttp' in sys.modules"
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_is_not_there_is_refused_as_ever() -> None:
    done = run(SLIM + "from binance import NoSuch")

    assert "ImportError: cannot import name 'NoSuch' from 'binance'" in done.stderr


def test_a_package_that_has_run_is_left_alone() -> None:
    done = run("import binance; import trading.exchange.client; assert binance.AsyncClient")

    assert (done.returncode, done.stderr) == (0, "")
