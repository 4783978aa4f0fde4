"""Typed readers of environment variables, on top of environs.

Only `fastcycle.settings` calls them. A value that cannot be used raises BadSetting, whose text is the one
line that the operator sees; a secret's value never enters that line.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvError

SECRET_MODE = 0o600
FOLDER_MODE = 0o700

_env = Env()


class BadSetting(Exception):
    """A variable that cannot be used; the text is the one line to show."""


def load_file(path: Path) -> None:
    """Read KEY=VALUE lines where the environment says nothing; an absent file is fine."""
    if path.is_file():
        _env.read_env(str(path), recurse=False)


def text(name: str, default: str = "") -> str:
    """Give a text; an empty variable counts as absent."""
    return _env.str(name, "").strip() or default


def choice(name: str, *, allowed: Sequence[str], default: str) -> str:
    """Give one of the allowed words, in lower case."""
    value = text(name, default).lower()
    if value not in allowed:
        raise BadSetting(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def is_yes(name: str) -> bool:
    """Say whether a switch is on; anything but a clear yes or no is refused."""
    return text(name) != "" and bool(_parsed(name, _env.bool, "yes or no"))


def whole_number(name: str, *, default: int, low: int, high: int) -> int:
    """Give a whole number between two inclusive limits."""
    if not text(name):
        return default
    value = int(_parsed(name, _env.int, "a whole number"))
    if not low <= value <= high:
        raise BadSetting(f"{name} must be from {low} to {high}, not {value}")
    return value


def address(name: str, *, schemes: Sequence[str]) -> str:
    """Give an address without a slash at its end, or an empty text."""
    value = text(name).rstrip("/")
    parts = urlsplit(value)
    place = parts.path if parts.scheme == "unix" else parts.netloc
    if value and (parts.scheme not in schemes or not place):
        raise BadSetting(f"{name} must be an address that begins with {' or '.join(schemes)}")
    return value


def secret(name: str, default: str = "") -> str:
    """Give a secret from NAME, or from the file that NAME_FILE names."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSetting(f"{name}_FILE cannot be read: {error.strerror}") from error


def make_folder(path: Path, *, name: str) -> None:
    """Make a folder that the setting `name` asks for."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    except OSError as error:
        raise BadSetting(f"{name} must be a folder that can be written: {path}: {error.strerror}") from error


def kept_secret(name: str, *, path: Path) -> str:
    """Give a secret from the environment, or the one made on the first start and kept in `path`."""
    value = secret(name)
    if value:
        return value
    if not path.is_file():
        _keep_first(path, secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8").strip()


def _keep_first(path: Path, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, SECRET_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    # A link appears whole or not at all: of two first starts at once, the loser reads the winner's secret.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _parsed(name: str, parse: Callable[[str], Any], wanted: str) -> Any:
    try:
        return parse(name)
    except EnvError as error:
        raise BadSetting(f"{name} must be {wanted}, not {text(name)!r}") from error
