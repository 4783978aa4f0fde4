"""Front-end packages: fetched as the lock says or not at all, and asked for once."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fastcycle import frontend


def an_archive() -> bytes:
    """A package as a registry gives it, with a name that would lead out of its folder."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name in ("package/dist/a.mjs", "package/../../escaped"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"js\n"))
    return held.getvalue()


class Registry(HTTPServer):
    """Serves one archive and counts."""

    archive = an_archive()
    asked: list[str]


class Answering(BaseHTTPRequestHandler):
    """Answers with the archive at its one address."""

    server: Registry

    def do_GET(self) -> None:
        """Give it."""
        self.server.asked.append(self.path)
        found = self.path == "/charts/-/charts-1.0.0.tgz"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(self.server.archive if found else b"")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    """A registry on this machine, and a project folder that asks it."""
    server = Registry(("127.0.0.1", 0), Answering)
    server.asked = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    monkeypatch.setattr(frontend, "LOCK", tmp_path / "package-lock.json")
    monkeypatch.setattr(frontend, "INSTALLED", tmp_path / "node_modules" / ".package-lock.json")
    yield server
    server.shutdown()
    server.server_close()


def lock(folder: Path, *, content: bytes, name: str = "charts") -> None:
    """Pin one package with the checksum of `content`."""
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    packages = {"": {}, f"node_modules/{name}": {"version": "1.0.0", "integrity": integrity}}
    (folder / "package-lock.json").write_text(json.dumps({"packages": packages}))


def test_what_the_lock_names_is_fetched_once_and_stays_in_its_folder(
    registry: Registry, tmp_path: Path
) -> None:
    lock(tmp_path, content=registry.archive)

    assert [frontend.main(), frontend.main()] == [0, 0]

    assert (tmp_path / "node_modules/charts/dist/a.mjs").read_bytes() == b"js\n"
    assert registry.asked == ["/charts/-/charts-1.0.0.tgz"]
    assert not list(tmp_path.parent.rglob("escaped"))


# Named, for an archive holds the second it was made in, and each of xdist's workers makes its own.
@pytest.mark.parametrize(
    ("content", "name"), [(b"other", "charts"), (Registry.archive, "gone")], ids=["another file", "away"]
)
def test_what_is_wrong_or_away_is_told_in_one_line_and_not_kept(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, name: str
) -> None:
    lock(tmp_path, content=content, name=name)

    assert frontend.main() == 1

    said = capsys.readouterr().err
    assert (said.count("\n"), name in said) == (1, True)
    assert not (tmp_path / "node_modules").exists()
