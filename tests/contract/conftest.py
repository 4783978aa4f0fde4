"""What the contract tests share: a paper venue a file."""

from collections.abc import Iterator

import pytest

from tests.support.paper_venue import PaperServer


@pytest.fixture(scope="module")
def running() -> Iterator[PaperServer]:
    """A venue that all tests of the file share."""
    with PaperServer() as server:
        yield server
