"""Firebase Cloud Messaging, HTTP v1: one device a request, nothing that recognises a message.

FCM calls no webhook and cannot be asked what became of a message. Its documentation says to try
again after INTERNAL and UNAVAILABLE, but not that the message was not taken, so both are
ambiguous. The app is given our id (``outbox_id``) and can drop what it has shown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urljoin

import msgspec

from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.pushes import PAYLOAD_BYTES, parts
from reverse_etl.delivery.transport import Answer, Transport, by_status
from workspace import tls

NAME = "fcm"
CAPABILITIES = Capabilities(channel="push", max_bytes=8_192, per_second=10_000.0)
#: The key of a service account, as JSON or as the path of its file.
SECRETS = ("MARKETING_FCM_SERVICE_ACCOUNT",)
VARIABLES = ("MARKETING_FCM_URL",)
#: By default the service account's project.
OPTIONS = ("project",)
URL = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
TOKEN_SECONDS = 10.0
#: Where a 429 names no wait.
QUOTA_SECONDS = 60.0

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class FCM:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, tokens: Tokens, url: str, project: str, transport: Transport) -> None:
        path = f"/v1/projects/{quote(project, safe='')}/messages:send"
        self._url, self._transport, self._tokens = url.rstrip("/") + path, transport, tokens

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        title, body, link = parts(message)
        # An app is given strings only.
        payload: dict[str, Any] = {
            "notification": {"title": title, "body": body},
            "data": {"outbox_id": message.message_id},
        }
        if link:
            payload["data"]["link"] = link
        if len(_ENCODE(payload)) > PAYLOAD_BYTES:
            raise Unsupported(f"larger than {PAYLOAD_BYTES:,} bytes")
        if link.startswith("https://"):
            payload["webpush"] = {"fcm_options": {"link": link}}
        return _ENCODE({"message": {"token": message.destination, **payload}})

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        token = await self._tokens.get()
        if isinstance(token, Outcome):
            return token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = await self._transport.request("POST", self._url, headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        if answer.status == 200:
            ident = answer.object().get("name")
            if not isinstance(ident, str) or not ident:
                return Outcome(Kind.AMBIGUOUS, "no id")
            return Outcome(Kind.ACCEPTED, "200", ident)
        if answer.status == 401:
            self._tokens.forget(token)
        return refused(answer, self._transport.wait(answer))

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        raise OSError("FCM cannot be asked")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def refused(answer: Answer, wait: float | None) -> Outcome:
    """What an answer means that is no 200. Raises nothing."""
    error = answer.object().get("error")
    if not isinstance(error, dict):
        return by_status(answer, wait)
    details = error.get("details")
    found = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    special = next((one.get("errorCode") for one in found if one.get("@type") == _ERROR), None)
    code = str(special or error.get("status") or answer.status)
    if code == "UNREGISTERED":
        return Outcome(Kind.INVALID, code, reason="unregistered")
    if code == "INVALID_ARGUMENT":
        return _invalid(found, is_about_token=special is not None)
    if code == "SENDER_ID_MISMATCH":
        # The device's token is another project's. One such token must not stop the others, nor a
        # wrong project forget every device.
        return Outcome(Kind.REJECTED, code)
    if code in ("QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED") or answer.status == 429:
        return Outcome(Kind.THROTTLED, code, retry_after=QUOTA_SECONDS if wait is None else wait)
    # NOT_FOUND is about the project, unlike UNREGISTERED.
    if code in ("THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"):
        return Outcome(Kind.DENIED, code)
    return by_status(answer, wait)._replace(code=code)


def _invalid(details: Sequence[Mapping[str, Any]], is_about_token: bool) -> Outcome:
    """INVALID_ARGUMENT is said of tokens, as an FcmError, and of whatever else, as a BadRequest."""
    code = "INVALID_ARGUMENT"
    fields = [
        str(violation.get("field"))
        for one in details
        if one.get("@type") == _BAD_REQUEST
        for violation in one.get("fieldViolations") or ()
        if isinstance(violation, dict)
    ]
    if any(one.get("@type") == _BAD_REQUEST for one in details):
        is_about_token = fields == ["message.token"]
    if is_about_token:
        return Outcome(Kind.INVALID, code, reason="unregistered")
    return Outcome(Kind.REJECTED, code)


class Tokens:
    """An access token, fetched in a thread when it is wanted and kept until it expires.

    ``credentials`` are google-auth's, ``request`` is how it asks.
    """

    def __init__(self, credentials: Any, request: Callable[..., Any]) -> None:
        self._credentials, self._request = credentials, request
        self._lock = asyncio.Lock()

    async def get(self) -> str | Outcome:
        """The token, or why there is none: nothing was sent."""
        from google.auth.exceptions import GoogleAuthError, RefreshError

        async with self._lock:
            if self._credentials.valid:
                return str(self._credentials.token)
            try:
                await asyncio.to_thread(self._credentials.refresh, self._request)
            except RefreshError as error:
                kind = Kind.UNREACHABLE if error.retryable else Kind.DENIED
                return Outcome(kind, "no access token")
            except (OSError, GoogleAuthError):  # requests' own errors are an OSError
                return Outcome(Kind.UNREACHABLE, "no access token")
            except (ValueError, TypeError, KeyError, AttributeError):
                return Outcome(Kind.DENIED, "no access token")
            return str(self._credentials.token)

    def forget(self, token: str) -> None:
        """Fetch another, unless that was done already."""
        if self._credentials.token == token:
            self._credentials.token = None


def _ask(
    url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any
) -> SimpleNamespace:
    """A request as google-auth makes one; Google's token endpoint takes no message."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        tls.mount(session)
        answer = session.request(
            method, url, data=body, headers=headers, timeout=TOKEN_SECONDS, allow_redirects=False
        )
        return SimpleNamespace(
            status=answer.status_code, headers=answer.headers, data=answer.content
        )


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> FCM:
    """Raises ``ValueError`` for what is no service account's key."""
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.service_account import Credentials

    from reverse_etl.delivery.providers import NotConfigured

    given = environment["MARKETING_FCM_SERVICE_ACCOUNT"]
    url = environment.get("MARKETING_FCM_URL") or URL
    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text("utf-8")
        account = dict(json.loads(text))
        # A token_uri without a host is a path below the API's own address.
        account["token_uri"] = urljoin(f"{url.rstrip('/')}/", account["token_uri"])
        credentials = Credentials.from_service_account_info(account, scopes=[SCOPE])
    except OSError as error:
        raise NotConfigured(
            f"MARKETING_FCM_SERVICE_ACCOUNT cannot be read ({error.strerror})"
        ) from None
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError):
        raise NotConfigured("MARKETING_FCM_SERVICE_ACCOUNT is no service account's key") from None
    project = str(options.get("project") or account.get("project_id") or "")
    if not project:
        raise NotConfigured("fcm needs the option project")
    return FCM(Tokens(credentials, _ask), url, project, transport)
