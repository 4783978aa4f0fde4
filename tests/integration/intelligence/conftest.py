"""What commands of learning ask of the machine, in a process that has other tests to run."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def gave_way(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far each command gave way to others; this process itself does not."""
    asked: list[int] = []

    def nice(by: int) -> int:
        asked.append(by)
        return 0

    monkeypatch.setattr(os, "nice", nice)
    return asked
