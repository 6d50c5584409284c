"""Requests to addresses that somebody typed in: they must not reach into a private network.

An address is checked as text, its name is resolved once, every address that comes of it is
checked, and the connection goes to one of those: a name that resolves otherwise a moment later
changes nothing. TLS and ``Host`` keep the name. Redirects are not followed, answers are read up
to a limit. All of it happens at every request, so a check when the address is saved
(:meth:`Guard.check`) is for the message only. For a second layer, firewall what leaves the machine.

:meth:`Guard.request` asks synchronously, :meth:`Guard.connector` is for aiohttp.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import idna

from workspace.tls import client_context

if TYPE_CHECKING:
    import aiohttp

MAX_URL = 2048
#: What :meth:`Guard.request` reads of an answer, and how long it waits for all of it.
ANSWER_BYTES = 65_536
SECONDS = 10.0

Address = IPv4Address | IPv6Address
#: family, type, protocol, canonical name, socket address: as ``socket.getaddrinfo`` gives it.
Found = tuple[Any, Any, int, str, tuple[Any, ...]]
Resolve = Callable[..., Sequence[Found]]


def _networks(text: str) -> tuple[Any, ...]:
    return tuple(ip_network(part) for part in text.split())


# IANA's registries of special-purpose addresses, and 168.63.129.16, Azure's host. Python's
# `is_global` holds 192.0.0.8, 224.0.0.1 and 64:ff9b::7f00:1 for global.
_FORBIDDEN_4 = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 "
    "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
#: Beyond these, only 2000::/3 is in use. 2001::/23 has Teredo in it, 2002::/16 is 6to4: both
#: carry an IPv4 address past a check, and nobody has served by them for years.
_FORBIDDEN_6 = _networks("2001::/23 2001:db8::/32 2002::/16 3fff::/20")
_UNICAST_6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
#: An interface identifier that holds an IPv4 address (ISATAP).
_ISATAP = (0x00005EFE, 0x02005EFE)

_PRIVATE = _networks("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7")
#: Where clouds tell a machine its secrets, inside the private ranges.
_METADATA = _networks("192.168.169.254/32 fd00:ec2::/32 fd20:ce::/32")

_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: An address with such a last part is read as a number by some resolvers.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Forbidden(ValueError):
    """An address that must not be asked. The text names neither path nor query: they may be
    secrets."""


class Unreached(OSError):
    """There was no connection: not a byte of the request left."""


class Target(NamedTuple):
    """An address that was checked as text. ``url`` is as clients should be given it, ``host`` its
    ASCII form without brackets. ``is_here``: it names this machine."""

    url: str
    scheme: str
    host: str
    port: int
    is_here: bool


class Reply(NamedTuple):
    """Status, headers (names in lower case), the beginning of the body, and whether there was
    more of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool


def refusal(address: Address, private: bool = False) -> str | None:
    """Why an address must not be asked; None where it may be.

    IPv4 inside IPv6 (mapped, NAT64) is judged as IPv4; addresses that tunnel it (6to4, Teredo,
    ISATAP, compatible, translated) are refused as such.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "has a zone"
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return refusal(inner, private)
    if private and any(address in network for network in _PRIVATE):
        return "is a cloud's metadata" if any(address in one for one in _METADATA) else None
    if isinstance(address, IPv4Address):
        return "is not public" if any(address in one for one in _FORBIDDEN_4) else None
    hidden = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    if hidden or address not in _UNICAST_6 or any(address in one for one in _FORBIDDEN_6):
        return "is not public"
    return None


@dataclass(frozen=True)
class Guard:
    """What may be asked: ``https`` on ``ports`` of public addresses.

    ``here`` also allows this machine, on any port and by ``http`` too, where the address names it
    (``localhost``, ``127.0.0.1``, ``[::1]``): for stand-ins. ``private`` also allows private
    networks and, with ``ports`` None, any port: for addresses of whoever runs the machine.
    ``resolve`` is ``socket.getaddrinfo``, ``tls`` what certificates are checked with.
    """

    ports: frozenset[int] | None = frozenset({443})
    here: bool = False
    private: bool = False
    resolve: Resolve = field(default=socket.getaddrinfo, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def check(self, url: str) -> Target:
        """The address, checked as text: nobody is asked. Raises :class:`Forbidden`."""
        if not isinstance(url, str) or not url or len(url) > MAX_URL or _ODD.search(url):
            raise Forbidden("the address cannot be read")
        try:
            parts = urlsplit(url)
            host, port = _host(parts.hostname or ""), parts.port
        except ValueError:
            raise Forbidden("the address cannot be read") from None
        if "@" in parts.netloc:
            raise Forbidden("the address holds a user name; use a header or the path")
        literal = _literal(host)
        is_here = self.here and (host == "localhost" or (literal or _NOBODY).is_loopback)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            allowed = "must be https, or http to this machine" if self.here else "must be https"
            raise Forbidden(f"the address {allowed}")
        port = (443 if parts.scheme == "https" else 80) if port is None else port
        if not port or not (is_here or self.ports is None or port in self.ports):
            raise Forbidden(f"port {port} is not allowed")
        if literal is None and "." not in host and not is_here and not self.private:
            raise Forbidden("the address has no domain")
        if literal is not None and not is_here:
            self._judge(literal)
        shown = f"[{host}]" if ":" in host else host
        default = {"https": 443, "http": 80}[parts.scheme]
        netloc = shown if port == default else f"{shown}:{port}"
        clean = parts._replace(netloc=netloc, path=parts.path or "/", fragment="").geturl()
        if not clean.isascii():
            raise Forbidden("write path and query percent-encoded")
        return Target(clean, parts.scheme, host, port, is_here)

    def addresses(self, target: Target) -> list[Found]:
        """What the target's name resolves to, by one question; all of it is checked.

        Raises :class:`Forbidden` when any of it must not be asked, ``OSError`` when there is none.
        """
        try:
            found = list(self.resolve(target.host, target.port, type=socket.SOCK_STREAM))
        except UnicodeError:
            raise Forbidden("the address cannot be read") from None
        if not found:
            raise OSError("the name has no address")
        for one in found:
            self._judge(ip_address(one[4][0]), target.is_here)
        return found

    def _judge(self, address: Address, is_here: bool = False) -> None:
        if is_here:
            # Its own name must not lead elsewhere.
            why = None if address.is_loopback else "is not this machine's"
        else:
            why = refusal(address, self.private)
        if why:
            raise Forbidden(f"an address {why}")

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        seconds: float = SECONDS,
        answer_bytes: int = ANSWER_BYTES,
    ) -> Reply:
        """Ask once. ``seconds`` is for all of it but the resolver, whose time is the system's.

        No redirect is followed, no proxy is used, nothing is sent again. Raises
        :class:`Forbidden`, :class:`Unreached` when nothing was sent, ``OSError`` (``TimeoutError``
        after ``seconds``) when it was and there is no answer.
        """
        target = self.check(url)
        try:
            found = self.addresses(target)
        except OSError as error:
            raise Unreached(type(error).__name__) from None
        ends = time.monotonic() + seconds
        connected = self._connect(found, target, ends)
        late = threading.Event()

        def cut() -> None:
            late.set()
            # Past the TLS layer, which is not to be used from two threads.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

        # A socket's own timeout begins anew with each byte.
        watch = threading.Timer(max(0.0, ends - time.monotonic()), _quietly(cut))
        watch.daemon = True
        watch.start()
        try:
            reply = _ask(connected, target, method, headers, body, answer_bytes)
        except (OSError, http.client.HTTPException) as error:
            name = type(error).__name__
            raise (TimeoutError if late.is_set() else OSError)(name) from None
        finally:
            watch.cancel()
            connected.close()
        if late.is_set():
            raise TimeoutError("the answer was not complete in time")
        return reply

    def _connect(self, found: Sequence[Found], target: Target, ends: float) -> socket.socket:
        error: Exception = TimeoutError()
        for family, kind, protocol, _, address in found:
            left = ends - time.monotonic()
            if left <= 0:
                break
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(left)
                plain.connect(address)
                if target.scheme == "http":
                    return plain
                return self._context.wrap_socket(plain, server_hostname=target.host)
            except OSError as caught:
                error = caught
                plain.close()
        raise Unreached(type(error).__name__)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self.tls or client_context()

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """A connector of aiohttp that resolves and checks at every connection.

        The request's address is checked by :meth:`check` before, and its ``url`` is what is asked.
        A forbidden address is :class:`Forbidden`, raised by the request.
        """
        import aiohttp

        from workspace.guarded_resolver import GuardedResolver

        return aiohttp.TCPConnector(
            resolver=GuardedResolver(self),
            use_dns_cache=False,
            socket_factory=self.open,
            ssl=self._context,
            **options,
        )

    def open(self, found: Found) -> socket.socket:
        """A socket for an address, whoever found it. Raises ``OSError`` for a forbidden one."""
        family, kind, protocol, _, address = found
        inner = ip_address(address[0])
        if not (self.here and inner.is_loopback):
            why = refusal(inner, self.private)
            if why or not (self.ports is None or address[1] in self.ports):
                raise OSError(f"an address {why or 'with another port'}")
        return socket.socket(family, kind, protocol)


_NOBODY = IPv4Address("0.0.0.0")


def _host(host: str) -> str:
    """A host in ASCII and lower case. Raises ``ValueError`` for what is none."""
    if ":" in host or not host:
        return str(IPv6Address(host))
    if not host.isascii() or "xn--" in host.lower():
        host = idna.encode(host, uts46=True, std3_rules=True).decode()
        if host == "localhost" or _literal(host) is not None:
            raise ValueError("an address in an odd spelling")
    host = host.lower()
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a host")
    if _NUMBER.fullmatch(labels[-1]) and str(IPv4Address(host)) != host:
        raise ValueError("an address in an odd spelling")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _quietly(call: Callable[[], None]) -> Callable[[], None]:
    def called() -> None:
        try:
            call()
        except OSError:
            return  # it is closed already

    return called


def _ask(
    connected: socket.socket,
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    answer_bytes: int,
) -> Reply:
    """One request and its answer over a connection that is there."""
    client = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    shown = f"[{target.host}]" if ":" in target.host else target.host
    connection = client(shown, target.port)
    connection.sock = connected
    connection.auto_open = 0
    parts = urlsplit(target.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, path, body, {"Connection": "close", **headers})
    response = connection.getresponse()
    data = response.read(answer_bytes + 1)
    names = {name.lower(): value for name, value in response.getheaders()}
    # `length` is what was announced and did not come.
    is_cut = len(data) > answer_bytes or bool(response.length)
    return Reply(response.status, names, data[:answer_bytes], is_cut)
