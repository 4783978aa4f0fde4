"""The wire on real sockets: whole messages, refusals with their reasons, attempts that leave nothing open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from trading.exchange.wire import Refused, Wire, WireError

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(handler: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve one handler; give the address."""
    app = web.Application()
    app.router.add_get("/ws", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{runner.addresses[0][1]}/ws"
    finally:
        await runner.cleanup()


async def _tell(request: web.Request) -> web.WebSocketResponse:
    """Say something at once, in one frame and in three, then goodbye with a code once it was spoken to."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    await ws.send_str("early")
    writer = ws._writer
    assert writer is not None
    for opcode, part, is_last in ((1, b"in ", False), (0, b"three ", False), (0, b"parts", True)):
        writer.transport.write(bytes((opcode | (128 if is_last else 0), len(part))) + part)
    answer = await ws.receive()
    assert answer.type is WSMsgType.TEXT
    await ws.send_str(answer.data)
    await ws.close(code=1012)
    return ws


async def test_messages_come_whole_and_in_order_also_those_before_anybody_listened() -> None:
    heard: list[tuple[bytes, int]] = []
    async with serving(_tell) as url:
        wire = await Wire.connect(url, timeout_s=2)
        await asyncio.sleep(0)
        wire.send_json({"id": 1})
        wire.listen(lambda message, at_ms: heard.append((message, at_ms)), now_ms=lambda: 7)
        async with asyncio.timeout(5):
            await wire.wait_closed()

    assert heard == [(b"early", 7), (b"in three parts", 7), (b'{"id":1}', 7)]
    assert (wire.closed, wire.close_code) == (True, 1012)
    with pytest.raises(ConnectionError):
        wire.send_json({})


async def test_a_listener_that_fails_misses_one_message_only(caplog: pytest.LogCaptureFixture) -> None:
    heard = []

    def hear(message: bytes, at_ms: int) -> None:
        heard.append(message)
        if message == b"early":
            raise ValueError("cannot read that")

    async with serving(_tell) as url:
        wire = await Wire.connect(url, timeout_s=2)
        wire.listen(hear, now_ms=lambda: 7)
        wire.send_json({})
        async with asyncio.timeout(5):
            await wire.wait_closed()

    assert heard[1:] == [b"in three parts", b"{}"]
    assert "cannot read that" in caplog.text


async def test_a_refusal_tells_status_and_headers() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "3"})

    async with serving(refuse) as url:
        with pytest.raises(Refused) as refused:
            await Wire.connect(url, timeout_s=2)

    assert refused.value.response is not None
    assert (refused.value.response.status, refused.value.response.headers["Retry-After"]) == (429, "3")


@pytest.mark.parametrize("frame", [b"\x83\x01A", b"\x88\x02\x07\xd0"], ids=["opcode", "close code"])
async def test_what_is_no_websocket_ends_with_an_error_of_the_wire(frame: bytes) -> None:
    async def babble(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert request.transport is not None
        request.transport.write(frame)
        await ws.receive()
        return ws

    async with serving(babble) as url:
        wire = await Wire.connect(url, timeout_s=2)
        async with asyncio.timeout(5):
            with pytest.raises(WireError):
                await wire.wait_closed()
        await wire.close()

    assert wire.closed


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody vouches for, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "venue")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "venue.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return path


async def test_an_encrypted_venue_is_reached_only_if_its_certificate_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)

    async with serving(_tell, tls=tls) as url:
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            await Wire.connect(url, timeout_s=2)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        wire = await Wire.connect(url, timeout_s=2)
        wire.listen(lambda message, at_ms: heard.append(message), now_ms=lambda: 7)
        wire.send_json({})
        async with asyncio.timeout(5):
            await wire.wait_closed()

    assert isinstance(refused.value, WireError)
    assert heard == [b"early", b"in three parts", b"{}"]


async def test_nobody_at_the_address_is_an_error_of_the_wire() -> None:
    with pytest.raises(WireError):
        await Wire.connect("ws://127.0.0.1:9/ws", timeout_s=2)


async def test_a_venue_that_hangs_up_during_the_handshake_is_an_error_of_the_wire() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(WireError):
            await Wire.connect(f"ws://127.0.0.1:{port}/ws", timeout_s=2)


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["time is over", "cancelled"])
async def test_an_attempt_that_is_broken_off_leaves_no_connection(*, is_cancelled: bool) -> None:
    ended = asyncio.Event()
    reached = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    attempt = asyncio.create_task(Wire.connect(f"ws://127.0.0.1:{port}/ws", timeout_s=0.3))
    await reached.wait()
    if is_cancelled:
        attempt.cancel()
    with pytest.raises(asyncio.CancelledError if is_cancelled else TimeoutError):
        await attempt
    async with asyncio.timeout(1):  # long before picows would give the handshake up
        await ended.wait()
    server.close()
    gc.collect()  # an open transport would complain of it, which fails the test
