"""Logging: one line per event with its fields, JSON outside a terminal, secrets masked.

`fastcycle.settings` takes LOGGING from here. A process that serves (`run_feed`, `up`, ...) also writes
logs/<process>.log in the home folder; a one-off command writes to standard error alone. Standard output
belongs to the commands' answers.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pythonjsonlogger.json import JsonFormatter

MAX_BYTES = 10_000_000
KEPT_FILES = 3
MASK = "***"
_SECRET_FIELD = re.compile(
    r"secret|password|passwd|signature|token|api_?key|authorization|cookie", re.IGNORECASE
)
_SECRET_IN_TEXT = re.compile(
    r"((?:signature|apiKey|api_key|secret|listenKey|password|token)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+",
    re.IGNORECASE,
)
_KEYS = {
    "message": "event",
    "levelname": "level",
    "name": "logger",
    "asctime": "at",
    "exc_info": "exception",
    "stack_info": "stack",
}
_URL_PASSWORD = re.compile(r"(\w+://[^:/@\s]*:)[^@/\s]+@")


class JsonLines(JsonFormatter):
    """One JSON object per event: `event`, `level`, `logger`, `at`, the fields, and `exception`."""

    def __init__(self) -> None:
        super().__init__(
            ("message", "levelname", "name", "asctime"), rename_fields=_KEYS, json_default=_as_text
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 -- logging's name
        """Give the moment of the event in UTC, ISO 8601."""
        at = datetime.fromtimestamp(record.created, tz=UTC)
        return at.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Hide values of secret-looking fields, and secret-looking parts of texts and tracebacks."""
        log_data["level"] = str(log_data["level"]).lower()
        return {name: _masked(name, value) for name, value in log_data.items()}


class TerminalLines(JsonLines):
    """The same for a person: one plain line with `name=value` fields, a traceback below it."""

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Write a record that is masked already."""
        below = [log_data.pop(name) for name in ("exception", "stack") if name in log_data]
        at, level, event, logger = (str(log_data.pop(name)) for name in ("at", "level", "event", "logger"))
        fields = [f"{name}={_shown(value)}" for name, value in log_data.items()]
        return "\n".join([" ".join([at, f"[{level:<8}]", event, f"[{logger}]", *fields]), *below])


def _masked(name: str, value: Any) -> Any:
    if _SECRET_FIELD.search(name):
        return MASK
    return mask_text(value) if isinstance(value, str) else value


def _as_text(value: Any) -> str:
    return mask_text(repr(value))


def _shown(value: Any) -> str:
    if isinstance(value, str) and value and not re.search(r"[\s=\"']", value):
        return value
    return _as_text(value)


def mask_text(text: str) -> str:
    """Hide signatures, keys and passwords inside a text such as an address or a venue's answer."""
    return _URL_PASSWORD.sub(rf"\1{MASK}@", _SECRET_IN_TEXT.sub(rf"\1{MASK}", text))


def process_name(argv: Sequence[str]) -> str | None:
    """Give the name of the serving process that a command line starts, or None for a one-off command."""
    command = argv[1] if len(argv) > 1 else ""
    if command == "up":
        return "up"
    return command.removeprefix("run_") if command.startswith("run_") else None


def build_config(*, folder: Path, process: str | None, level: str) -> dict[str, Any]:
    """Give Django's LOGGING. `process` None keeps no file."""
    handlers: dict[str, Any] = {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "terminal" if sys.stderr.isatty() or process == "up" else "json",
            # The supervisor speaks to a person; what its processes do in detail is in their files.
            "level": "WARNING" if process == "up" else level,
        }
    }
    if process is not None:
        handlers["file"] = {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": str(folder / f"{process}.log"),
            "maxBytes": MAX_BYTES,
            "backupCount": KEPT_FILES,
            "encoding": "utf-8",
            "delay": True,
            "formatter": "json",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": JsonLines},
            "terminal": {"()": TerminalLines},
        },
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            # Every request and every received task is a line there; what matters has its own event.
            name: {"level": "WARNING"}
            for name in (
                "daphne",
                "celery",
                "kombu",
                "asyncio",
                "aiohttp",
                "picows",
                "urllib3",
                "django.channels",
                "amqp",
                # It names the address of a channel, which is a secret.
                "apprise",
            )
        },
    }
