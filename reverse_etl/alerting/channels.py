"""Where alerts go beside the log: a webhook, and a mail to each address. No channel waits for
another, tries again by itself, or says an address or a secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from reverse_etl.alerting import letters
from reverse_etl.delivery import mail, transport
from reverse_etl.delivery.protocol import Item, Kind, Outcome, Unsupported
from reverse_etl.delivery.providers import smtp
from workspace import clock, standard_webhooks
from workspace.alerts import Alert, AlertError
from workspace.http_guard import Forbidden, Guard

URL, SECRET = "MARKETING_ALERT_WEBHOOK", "MARKETING_ALERT_WEBHOOK_SECRET"
MAIL_TO, MAIL_FROM = "MARKETING_ALERT_MAIL_TO", "MARKETING_ALERT_MAIL_FROM"
#: The alerts' own server; without a host of its own, that of the messages.
OWN_SERVER, SERVER = "MARKETING_ALERT_SMTP_", "MARKETING_SMTP_"
_SERVER_PARTS = ("HOST", "PORT", "TLS", "USER", "PASSWORD", "CA_FILE")
VARIABLES = (
    *(URL, SECRET, MAIL_TO, MAIL_FROM),
    *(prefix + part for prefix in (OWN_SERVER, SERVER) for part in _SERVER_PARTS),
)
#: For all of a post, and for all of a mail. Both go at the same time; a tick has a minute.
POST_SECONDS, MAIL_SECONDS = 10.0, 20.0
_GUARD = Guard(ports=None, here=True, private=True)


class Channel(Protocol):
    """``name`` is what a cursor knows it by, ``about`` how it is set up, ``fault`` why it cannot
    be used."""

    name: str
    about: str
    fault: str | None

    def send(self, alert: Alert) -> str:
        """What was answered. Raises :class:`AlertError`."""
        ...


@dataclass(frozen=True)
class Unusable:
    """A channel whose settings are wrong: its alerts wait until they are right."""

    name: str
    fault: str
    about: str = "cannot be used"

    def send(self, alert: Alert) -> str:
        raise AlertError(self.fault)


@dataclass(frozen=True)
class Webhook:
    """POST as JSON to ``https``, or to this machine by ``http``; signed where there is a secret.

    The address is the operator's, so it may be in a private network. Follows no redirect, uses no
    proxy and reads no answer but its status.
    """

    url: str = field(repr=False)
    key: bytes | None = field(repr=False)
    clock: Callable[[], datetime] = field(default=clock.now, repr=False)
    name: str = "webhook"
    fault: None = None

    @property
    def about(self) -> str:
        return "signed" if self.key else f"not signed: {SECRET} is not set"

    def send(self, alert: Alert) -> str:
        body = json.dumps(alert.document).encode()
        headers = {"Content-Type": "application/json", "webhook-id": alert.ident}
        if self.key is not None:
            at = int(self.clock().replace(tzinfo=UTC).timestamp())
            headers |= standard_webhooks.headers(self.key, alert.ident, at, body)
        try:
            answer = _GUARD.request("POST", self.url, headers, body, seconds=POST_SECONDS)
        except Forbidden as error:
            raise AlertError(str(error)) from None
        except OSError as error:
            raise AlertError(f"no answer ({error})") from None
        if not 200 <= answer.status < 300:
            raise AlertError(f"answered {answer.status}")
        return str(answer.status)


@dataclass(frozen=True)
class Mail:
    """One mail to one address, in plain text, the same bytes at each attempt."""

    name: str
    to: str = field(repr=False)
    sender: str = field(repr=False)
    server: smtp.Server = field(repr=False)
    fault: None = None

    @property
    def about(self) -> str:
        return {"starttls": "STARTTLS", "tls": "TLS"}.get(self.server.tls, "this machine's server")

    def send(self, alert: Alert) -> str:
        message = letters.message(alert, self.to, self.sender)

        async def sent() -> Outcome:
            provider = smtp.Smtp(self.server, MAIL_SECONDS)
            try:
                async with asyncio.timeout(MAIL_SECONDS):
                    (outcome,) = await provider.send([Item(message, provider.item(message))])
                    return outcome
            except TimeoutError:
                return Outcome(Kind.AMBIGUOUS, "TimeoutError")
            finally:
                await provider.close()

        outcome = transport.run(sent())
        if outcome.kind is Kind.ACCEPTED:
            return outcome.code
        said = "answered {}" if outcome.code[:1].isdigit() else "no answer ({})"
        raise AlertError(said.format(outcome.code))


def configured(values: Mapping[str, str]) -> list[Channel]:
    """The channels that variables (:data:`VARIABLES`) ask for."""
    return [*_webhook(values), *_mails(values)]


def _webhook(values: Mapping[str, str]) -> list[Channel]:
    url, secret = values.get(URL), values.get(SECRET)
    if url is None:
        return [Unusable("webhook", f"{SECRET} is set and {URL} is not")] if secret else []
    try:
        _GUARD.check(url)
    except Forbidden as error:
        return [Unusable("webhook", f"{URL}: {error}")]
    try:
        # A secret that cannot be used is never taken for none.
        return [Webhook(url, standard_webhooks.secret(secret) if secret else None)]
    except ValueError as error:
        return [Unusable("webhook", f"{SECRET} is {error}")]


def _mails(values: Mapping[str, str]) -> list[Channel]:
    to = [part.strip() for part in values.get(MAIL_TO, "").split(",") if part.strip()]
    names = [f"mail {number}" for number, _ in enumerate(to, 1)]
    prefix = OWN_SERVER if f"{OWN_SERVER}HOST" in values else SERVER
    if not to:
        return []
    if f"{prefix}HOST" not in values:
        fault = f"{MAIL_TO} is set and neither {OWN_SERVER}HOST nor {SERVER}HOST is"
        return [Unusable(name, fault) for name in names]
    sender = values.get(MAIL_FROM) or to[0]
    try:
        server = smtp.server(values, prefix)
        _check(sender, MAIL_FROM if MAIL_FROM in values else MAIL_TO)
    except ValueError as error:
        return [Unusable(name, str(error)) for name in names]
    return [_mail(name, address, sender, server) for name, address in zip(names, to, strict=True)]


def _mail(name: str, address: str, sender: str, server: smtp.Server) -> Channel:
    try:
        _check(address, MAIL_TO)
    except ValueError as error:
        return Unusable(name, str(error))
    return Mail(name, address, sender, server)


def _check(address: str, variable: str) -> None:
    """Raises ``ValueError``, without the address."""
    try:
        mail.ascii_address(address)
    except Unsupported as error:
        raise ValueError(f"{variable}: {error}") from None
