"""Fetches the packages that the pages need into node_modules, as `npm ci` would, on a machine without Node.

`make setup` and `make run` call it by its path: standard library only, nothing of ours is imported. What is
fetched stands in package-lock.json with its checksum; a second call finds it there and asks nobody.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "package-lock.json"
FOLDER = ROOT / "node_modules"
# npm keeps the lock of what is installed at the same place.
INSTALLED = FOLDER / ".package-lock.json"
PUBLIC_REGISTRY = "https://registry.npmjs.org"
TIMEOUT_S = 30.0
TRIES = 3
MAX_BYTES = 50_000_000


class CannotFetch(Exception):
    """A package is not to be had, or is not what the lock says; the text says which and why."""


def main() -> int:
    """Fetch what is missing; give an exit status."""
    wanted = LOCK.read_bytes()
    if INSTALLED.exists() and INSTALLED.read_bytes() == wanted:
        return 0
    source = _source()
    try:
        for path, entry in json.loads(wanted)["packages"].items():
            if path:  # the one without is ourselves
                _install(path, entry, source=source)
    except CannotFetch as error:
        print(f"fast-cycle: {error}; until then the dashboard shows no charts", file=sys.stderr)  # noqa: T201 -- a program
        return 1
    INSTALLED.write_bytes(wanted)
    return 0


def _source() -> str:
    """Give the address that npm would use here."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        address = os.environ.get(name, "").rstrip("/")
        if address:
            return address
    return PUBLIC_REGISTRY


def _install(path: str, entry: dict[str, str], *, source: str) -> None:
    name = path.rpartition("node_modules/")[2]
    file = f"{name.rpartition('/')[2]}-{entry['version']}.tgz"
    archive = _fetch(f"{source}/{name}/-/{file}")
    kind, _, expected = entry["integrity"].partition("-")
    if base64.b64encode(hashlib.new(kind, archive).digest()).decode() != expected:
        raise CannotFetch(f"{file} is not the file that package-lock.json names: its {kind} differs")
    target = ROOT / path
    shutil.rmtree(target, ignore_errors=True)
    _unpack(archive, target)


def _fetch(address: str) -> bytes:
    if not address.startswith(("https://", "http://")):
        raise CannotFetch(f"npm_config_registry must be an http or https address, not {address!r}")
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as reply:  # noqa: S310 -- the scheme is checked
                archive: bytes = reply.read(MAX_BYTES)
                return archive
        except (urllib.error.URLError, OSError) as error:
            is_final = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if is_final or not left:
                raise CannotFetch(f"{address} cannot be fetched: {error}") from error
    raise AssertionError("the last try returns or raises")


def _unpack(archive: bytes, target: Path) -> None:
    """Write the plain files of an archive; every name begins with one folder, which is left out."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            inner = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            content = tar.extractfile(member) if member.isfile() and ".." not in inner.parts else None
            if content is None:
                continue
            file = target / inner
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read())


if __name__ == "__main__":
    sys.exit(main())
