"""Logging: one line per event with its fields, JSON outside a terminal, secrets masked.

`fastcycle.settings` takes LOGGING from here. A process that serves (`run_feed`, `up`, ...) also writes
logs/<process>.log in the home folder; a one-off command writes to standard error alone. Standard output
belongs to the commands' answers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import structlog

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
_URL_PASSWORD = re.compile(r"(\w+://[^:/@\s]*:)[^@/\s]+@")


def mask_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values of secret-looking fields, and secret-looking parts of texts."""
    for name, value in event.items():
        if _SECRET_FIELD.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = mask_text(value)
    return event


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
            "json": _formatter(structlog.processors.JSONRenderer(sort_keys=False)),
            "terminal": _formatter(_terminal_renderer()),
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
                "urllib3",
                "django.channels",
                "amqp",
            )
        },
    }


def _terminal_renderer() -> structlog.dev.ConsoleRenderer:
    # Plain tracebacks: the decorated ones print local variables, and one of those may be a secret.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=plain)


def _formatter(renderer: Any) -> dict[str, Any]:
    render: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        render.append(structlog.processors.format_exc_info)
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*_shared_processors(), structlog.stdlib.ExtraAdder()],
        "processors": [*render, mask_secrets, renderer],
    }


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]


def configure_structlog() -> None:
    """Send events of `structlog.get_logger()` through the standard loggers, so that both look alike."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
