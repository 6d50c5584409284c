"""The guard before addresses that somebody typed in: nothing private is ever connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import requests
import yarl
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workspace.addresses import ALLOWED, ODD, PRIVATE, WHOLE
from workspace import http_guard
from workspace.http_guard import Forbidden, Guard, Unreached, refusal

PUBLIC = "93.184.216.34"


def answering(*rounds: list[str]) -> tuple[Callable[..., Any], list[str]]:
    """A resolver that gives one list after the other, the last for ever; and what it was asked."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        addresses = rounds[min(len(asked), len(rounds) - 1)]
        asked.append(host)
        found = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found.append((family, socket.SOCK_STREAM, 6, "", (address, port)))
        return found

    return resolve, asked


CONNECTED: list[Any] | None = None


def _watch(event: str, details: Any) -> None:
    if event == "socket.connect" and CONNECTED is not None:
        CONNECTED.append(details[1])


sys.addaudithook(_watch)


@pytest.fixture
def connected() -> Iterator[list[Any]]:
    """Every address that anything in this process connects to, as the system is told."""
    global CONNECTED
    CONNECTED = []
    yield CONNECTED
    CONNECTED = None


class Listener:
    """A server on this machine: how many came, what they said, what they are told."""

    def __init__(self, answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> None:
        self.answer, self.came, self.heard, self.names = answer, 0, b"", []
        self.tls: ssl.SSLContext | None = None
        self.pause, self.hold = 0.0, threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        try:
            if self.tls:
                client = self.tls.wrap_socket(client, server_side=True)
            said = b""
            while b"\r\n\r\n" not in said or (b"ength: 2" in said and not said.endswith(b"{}")):
                said += (part := client.recv(65_536))
                if not part:
                    return
            self.heard += said
            for part in [self.answer] if not self.pause else [bytes([b]) for b in self.answer]:
                client.sendall(part)
                self.hold.wait(self.pause)
            client.close()
        except OSError:
            return

    def close(self) -> None:
        self.hold.set()
        self.server.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def ask(guard: Guard, url: str) -> None:
    guard.request("POST", url, {}, b"{}", seconds=3)


def ask_aiohttp(guard: Guard, url: str, checked: bool = True, **options: Any) -> int:
    async def run() -> int:
        target = guard.check(url).url if checked else url
        timeout = aiohttp.ClientTimeout(total=3)
        async with (
            aiohttp.ClientSession(connector=guard.connector(), timeout=timeout) as session,
            session.post(target, data=b"{}", **options) as response,
        ):
            return response.status

    return asyncio.run(run())


BOTH = pytest.mark.parametrize("asking", [ask, ask_aiohttp])


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_refused(text: str) -> None:
    assert refusal(ip_address(text)) is not None


@pytest.mark.parametrize("text", ALLOWED)
def test_public_addresses_are_allowed(text: str) -> None:
    assert refusal(ip_address(text)) is None


@given(st.ip_addresses(v=4))
def test_what_is_not_global_to_python_is_not_allowed(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    through = IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))
    assert refusal(mapped) == refusal(through) == refusal(address)
    if not address.is_global or address.is_multicast:
        assert refusal(address) is not None
    for tunnel in (
        0x2002 << 112 | int(address) << 80,
        0x20010000 << 96 | int(address),
        int(address),
    ):
        assert refusal(IPv6Address(tunnel)) is not None


@given(st.ip_addresses(v=6))
def test_ipv6_that_is_not_global_to_python_is_not_allowed(address: IPv6Address) -> None:
    if not address.is_global and address.ipv4_mapped is None:
        assert refusal(address) is not None


@BOTH
def test_no_name_leads_into_a_private_network(
    asking: Any, listener: Listener, connected: list[Any]
) -> None:
    for address in PRIVATE:
        for addresses in ([address], [PUBLIC, address]):
            resolve, asked = answering(addresses)
            with pytest.raises(Forbidden):
                asking(Guard(ports=None, resolve=resolve), f"https://a.example:{listener.port}/")
            assert asked == ["a.example"]
    assert connected == [] and listener.came == 0


@BOTH
def test_no_address_leads_into_a_private_network(
    asking: Any, listener: Listener, connected: list[Any]
) -> None:
    """Whatever the resolver of this machine would make of them."""
    hosts = [f"[{text}]" if ":" in text else text for text in PRIVATE]
    for host in (*hosts, *ODD):
        for scheme in ("https", "http"):
            for guard in (Guard(ports=None), Guard()):
                with pytest.raises(Forbidden):
                    asking(guard, f"{scheme}://{host}:{listener.port}/")
    for url in WHOLE:
        with pytest.raises(Forbidden):
            asking(Guard(), url)
    assert connected == [] and listener.came == 0


def test_this_machine_is_no_way_round_either(listener: Listener, connected: list[Any]) -> None:
    """With ``here``, odd spellings and names that resolve to it stay forbidden."""
    resolve, _ = answering(["127.0.0.1"])
    guard = Guard(here=True, resolve=resolve)
    odd = [host for host in ODD if host.lower() not in ("localhost", "[::1]")]
    for host in (*odd, "a.example", "[::ffff:10.0.0.1]", "[fe80::1]", "0.0.0.0", "10.0.0.1"):
        for scheme in ("http", "https"):
            with pytest.raises(Forbidden):
                ask(guard, f"{scheme}://{host}:{listener.port}/")
    elsewhere, _ = answering(["10.0.0.1"])
    with pytest.raises(Forbidden, match="not this machine's"):
        ask(Guard(here=True, resolve=elsewhere), f"http://localhost:{listener.port}/")
    assert connected == [] and listener.came == 0


@BOTH
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost"])
def test_this_machine_where_it_is_allowed(asking: Any, host: str, listener: Listener) -> None:
    asking(Guard(here=True), f"http://{host}:{listener.port}/hook?x=1")
    assert listener.came == 1
    head, _, body = listener.heard.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert f"\r\nhost: {host.lower()}:{listener.port}" in head.decode().lower() and body == b"{}"


@BOTH
def test_rebinding(
    asking: Any, listener: Listener, connected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked with one answer, connected to by the same: the second answer is never asked for."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if address[0] == PUBLIC:  # no test reaches the network
            sys.audit("socket.connect", self, address)
            raise ConnectionRefusedError
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    url = f"https://a.example:{listener.port}/"
    resolve, asked = answering([PUBLIC], ["127.0.0.1"])
    guard = Guard(ports=None, resolve=resolve)
    with pytest.raises((Unreached, aiohttp.ClientConnectorError)):
        asking(guard, url)
    assert asked == ["a.example"] and {address[0] for address in connected} == {PUBLIC}
    # At the next request it is looked at anew.
    with pytest.raises(Forbidden):
        asking(guard, url)
    assert {address[0] for address in connected} == {PUBLIC} and listener.came == 0


def test_a_session_looks_at_every_connection_anew(listener: Listener) -> None:
    resolve, asked = answering(["127.0.0.1"], ["10.0.0.1"])
    guard = Guard(here=True, resolve=resolve)
    url = f"http://localhost:{listener.port}/"

    async def run() -> None:
        async with aiohttp.ClientSession(connector=guard.connector(force_close=True)) as session:
            await session.post(url, data=b"{}")
            with pytest.raises(Forbidden):
                await session.post(url, data=b"{}")

    asyncio.run(run())
    assert len(asked) == 2 and listener.came == 1


@BOTH
def test_redirects_are_not_followed(asking: Any, connected: list[Any]) -> None:
    for address in ("http://169.254.169.254/latest/", "http://10.0.0.1/", "https://[::1]/"):
        answer = f"HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n"
        listener = Listener(answer.encode())
        options = {"allow_redirects": False} if asking is ask_aiohttp else {}
        asking(Guard(here=True), f"http://127.0.0.1:{listener.port}/", **options)
        listener.close()
        assert listener.came == 1
    assert {address[0] for address in connected} == {"127.0.0.1"}


def test_a_client_that_follows_redirects_gets_nowhere(connected: list[Any]) -> None:
    """The connector holds where a caller forgot to."""
    for address in ("http://169.254.169.254/", "http://10.0.0.1:443/", "https://[fe80::1]/"):
        answer = f"HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n"
        listener = Listener(answer.encode())
        with pytest.raises((aiohttp.ClientError, Forbidden)):
            ask_aiohttp(Guard(here=True), f"http://127.0.0.1:{listener.port}/")
        listener.close()
    for url in ("http://127.0.0.1:1/", "https://127.1/", "https://2130706433/", "http://a.b:80/"):
        with pytest.raises((aiohttp.ClientError, Forbidden)):
            ask_aiohttp(Guard(resolve=answering([PUBLIC])[0]), url, checked=False)
    assert {address[0] for address in connected} == {"127.0.0.1"}


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for a name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "both.pem").write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


@BOTH
def test_the_name_is_kept_for_tls_and_host(
    asking: Any, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The only public address of this test.
    monkeypatch.setattr(http_guard, "refusal", lambda *_: None)
    listener.tls, trusted = certificate(tmp_path, "xn--bcher-kva.example")
    listener.tls.sni_callback = lambda _, name, __: listener.names.append(name)
    resolve, asked = answering(["127.0.0.1"])
    guard = Guard(ports=frozenset({listener.port}), resolve=resolve, tls=trusted)
    asking(guard, f"https://BÜCHER.example:{listener.port}/hook")
    assert asked == listener.names == ["xn--bcher-kva.example"]
    assert f"\r\nhost: xn--bcher-kva.example:{listener.port}\r\n" in listener.heard.decode().lower()
    # Another name at the same address has no certificate there.
    with pytest.raises((Unreached, aiohttp.ClientConnectorError)):
        asking(guard, f"https://other.example:{listener.port}/hook")
    assert listener.heard.count(b"POST") == 1


def test_an_answer_is_read_up_to_a_limit(listener: Listener) -> None:
    listener.answer = b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n" + b"a" * 200_000
    url = f"http://127.0.0.1:{listener.port}/"
    reply = Guard(here=True).request("POST", url, {}, b"")
    assert reply.status == 200 and reply.headers["x-a"] == "b"
    assert len(reply.body) == 65_536 and reply.is_cut
    listener.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"
    assert Guard(here=True).request("POST", url, {}, b"").is_cut


def test_an_answer_that_never_ends(listener: Listener) -> None:
    """One byte at a time keeps a socket's own timeout from ever passing."""
    listener.answer, listener.pause = b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200, 0.05
    with pytest.raises(TimeoutError):
        Guard(here=True).request("POST", f"http://127.0.0.1:{listener.port}/", {}, seconds=0.5)


def test_no_connection_and_no_answer_are_told_apart(listener: Listener) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    with pytest.raises(Unreached):
        Guard(here=True).request("POST", f"http://127.0.0.1:{closed}/hunter2", {})
    listener.answer = b""
    with pytest.raises(OSError) as caught:
        Guard(here=True).request("POST", f"http://127.0.0.1:{listener.port}/hunter2", {})
    assert not isinstance(caught.value, Unreached) and "hunter2" not in str(caught.value)

    def nobody(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("a.example is unknown")

    with pytest.raises(Unreached, match=r"^gaierror$"):
        Guard(resolve=nobody).request("POST", "https://a.example/", {})


def test_the_second_address_is_tried(listener: Listener) -> None:
    resolve, _ = answering(["::1", "127.0.0.1"])
    ask(Guard(here=True, resolve=resolve), f"http://localhost:{listener.port}/")
    assert listener.came == 1


def test_private_networks_where_they_are_allowed() -> None:
    guard = Guard(ports=None, private=True, here=True)
    for url in ("https://10.0.0.1:9093/x", "https://alerts:9093/x", "https://[fd12::1]/"):
        assert guard.check(url).url == url
    for address in ("169.254.169.254", "fd00:ec2::254", "224.0.0.1", "fe80::1", "127.0.0.1"):
        resolve, _ = answering([address])
        with pytest.raises(Forbidden):
            ask(replace(guard, resolve=resolve), "https://alerts:9093/x")
    with pytest.raises(Forbidden, match="must be https, or http to this machine"):
        guard.check("http://10.0.0.1/")


def test_an_address_is_given_back_in_one_form() -> None:
    target = Guard().check("HTTPS://Bücher.EXAMPLE:443/a%20b?c=d#e")
    assert target.url == "https://xn--bcher-kva.example/a%20b?c=d"
    assert target[1:] == ("https", "xn--bcher-kva.example", 443, False)
    assert Guard().check("https://example.com").url == "https://example.com/"
    assert Guard().check("https://[2606:2800:21F::1]/").host == "2606:2800:21f::1"


_PARTS = st.one_of(
    st.sampled_from(
        [
            *("https://", "http://", "//", "@", ":", "/", "\\", "#", "?", "[", "]", "%", ".", "。"),
            *(
                "127.0.0.1",
                "example.com",
                "::1",
                "xn--",
                "0x7f",
                "443",
                "1",
                "é",
                "ß",
                "１",
                "\u00ad",
            ),
        ]
    ),
    st.text(max_size=3),
)


@settings(max_examples=500)
@given(st.lists(_PARTS, max_size=8).map("".join), st.booleans())
def test_whatever_is_typed_is_refused_or_has_one_meaning(text: str, here: bool) -> None:
    guard = Guard(ports=None, here=here)
    try:
        target = guard.check("https://" + text)
    except Forbidden:
        return
    assert guard.check(target.url) == target and target.url.isascii()
    # Other parsers find the same host in it.
    for host in (yarl.URL(target.url).raw_host, requests.Request("GET", target.url).prepare().url):
        assert host and (host == target.host or urlsplit(host).hostname == target.host)
    literal = http_guard._literal(target.host)
    assert literal is None or target.is_here or refusal(literal) is None


def test_what_is_forbidden_does_not_tell_the_secret() -> None:
    for url in ("http://example.com/hunter2", "https://10.0.0.1/hunter2", "https://a:hunter2@b.c/"):
        with pytest.raises(Forbidden) as caught:
            Guard().check(url)
        assert "hunter2" not in str(caught.value)


def test_time_is_for_all_addresses_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    tried: list[str] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    resolve, _ = answering([f"93.184.216.{n}" for n in range(1, 9)])
    with pytest.raises(Unreached):
        Guard(resolve=resolve).request("POST", "https://a.example/", {}, seconds=10.0)
    assert tried == ["93.184.216.1", "93.184.216.2"]
