"""Every client of ours before servers of TLS that must not be spoken to."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingestion.collector import webhooks
from ingestion.hubspot.client import _Pool
from ingestion.sources.session import Patience, Session
from reverse_etl.delivery.protocol import Kind, Outcome
from reverse_etl.delivery.providers import fcm, smtp
from reverse_etl.delivery.transport import Answer, Transport
from workspace import tls
from workspace.http_guard import Guard
from workspace.limiter import Limiter

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = datetime(2026, 1, 1)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def certificate(folder: Path, name: str, days: int = 2) -> Path:
    """A certificate for a name, with its key, that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=9))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / f"{name}.{days}.pem"
    file.write_bytes(pem + private)
    return file


class Server:
    """Answers whoever shakes hands, and keeps what was read after that."""

    def __init__(self, context: ssl.SSLContext, greeting: bytes = b"") -> None:
        self._context, self._greeting = context, greeting
        self.heard, self.faults = bytearray(), []  # type: ignore[var-annotated]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            plain.settimeout(5)
            try:
                with self._context.wrap_socket(plain, server_side=True) as one:
                    one.sendall(self._greeting)
                    self._hear(one)
                    one.sendall(ANSWER)
            except OSError as error:
                self.faults.append(error)

    def _hear(self, one: ssl.SSLSocket) -> None:
        """A request with its body, or a line."""
        while part := one.recv(65_536):
            self.heard += part
            head, end, body = bytes(self.heard).partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            if (end and len(body) >= int(length[1] if length else 0)) or part == b"\r\n":
                return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


def old() -> ssl.SSLContext:
    """A server's that speaks TLS 1.1 and nothing newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def new() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    running = []

    def start(context: ssl.SSLContext, file: Path, greeting: bytes = b"") -> Server:
        context.load_cert_chain(file)
        running.append(Server(context, greeting))
        return running[-1]

    yield start
    for one in running:
        one.close()


def _patience() -> Patience:
    return Patience(Limiter(1000.0), sleep=lambda _: None, attempts=1)


def by_source(port: int) -> None:
    with Session(_patience()) as session:
        session.get(f"https://localhost:{port}/")


def by_hubspot(port: int) -> None:
    _Pool(_patience()).request("GET", f"https://localhost:{port}/")


def by_certificate_fetch(port: int) -> None:
    webhooks.get(f"https://localhost:{port}/")


def by_token_fetch(port: int) -> None:
    fcm._ask(f"https://localhost:{port}/", "POST", b"assertion")


def by_guard(port: int) -> None:
    """Alerts, and destinations of audiences."""
    Guard(here=True).request("POST", f"https://localhost:{port}/", {}, b"secret")


def by_provider(port: int, guard: Guard | None = None) -> None:
    async def ask() -> Answer | Outcome:
        transport = Transport(lambda: NOW, guard=guard)
        try:
            return await transport.request("POST", f"https://localhost:{port}/", {}, b"secret")
        finally:
            await transport.close()

    answer = asyncio.run(ask())
    if isinstance(answer, Outcome):
        assert answer.kind is Kind.UNREACHABLE
        raise ConnectionError(answer.kind)


def by_webhook(port: int) -> None:
    by_provider(port, Guard(here=True))


def by_smtp(port: int) -> None:
    server = smtp.Server("localhost", port, "tls", None, None, None)
    lane = smtp.Smtp(server, 5.0)
    asyncio.run(lane._connect())


HTTP = [
    by_source,
    by_hubspot,
    by_certificate_fetch,
    by_token_fetch,
    by_guard,
    by_provider,
    by_webhook,
]
CLIENTS = pytest.mark.parametrize("ask", [*HTTP, by_smtp], ids=lambda one: one.__name__)


@pytest.mark.parametrize("ask", HTTP, ids=lambda one: one.__name__)
def test_a_server_of_today_is_asked(
    ask: Callable[[int], None],
    server: Callable[..., Server],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    there = server(new(), file)
    ask(there.port)
    assert b"HTTP/1.1\r\n" in there.heard


@CLIENTS
def test_nothing_is_said_below_tls_1_2(
    ask: Callable[[int], None],
    server: Callable[..., Server],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    there = server(old(), file)
    assert _speaks(there.port, ssl.TLSVersion.TLSv1_1)  # whoever asks for it is served
    there.heard.clear()
    with pytest.raises(Exception):  # noqa: B017 each client has its own
        ask(there.port)
    assert not there.heard and there.faults


@CLIENTS
@pytest.mark.parametrize("fault", ["unknown", "another_name", "expired"])
def test_nothing_is_said_to_a_wrong_certificate(
    ask: Callable[[int], None],
    fault: str,
    server: Callable[..., Server],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "elsewhere.example" if fault == "another_name" else "localhost"
    file = certificate(tmp_path, name, days=-1 if fault == "expired" else 2)
    if fault != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    there = server(new(), file, b"220 localhost ESMTP\r\n")
    with pytest.raises(Exception):  # noqa: B017 each client has its own
        ask(there.port)
    assert not there.heard


def test_contexts_are_made_in_one_place() -> None:
    """Whoever makes one of another kind, or turns checking off, is found here."""
    made = re.compile(
        r"create_default_context|SSLContext\(|_create_unverified|verify\s*=\s*False|"
        r"ssl\s*=\s*False|CERT_NONE|check_hostname"
    )
    packages = ("workspace", "ingestion", "models_ml", "reverse_etl", "dagster_project")
    found = {
        str(path.relative_to(ROOT))
        for package in (*packages, "interfaces")
        for path in (ROOT / package).rglob("*.py")
        if made.search(path.read_text("utf-8"))
    }
    assert found == {"workspace/tls.py"}
    assert tls.client_context().minimum_version is ssl.TLSVersion.TLSv1_2


def _speaks(port: int, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain) as spoken,
    ):
        spoken.sendall(b"\r\n")
        return spoken.recv(65_536) == ANSWER and spoken.version() == "TLSv1.1"
