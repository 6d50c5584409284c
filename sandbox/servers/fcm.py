"""Firebase Cloud Messaging, HTTP v1, with the token endpoint in front of it.

Checked as documented: a service account's signed assertion and the access token it was given for
an hour, one target, strings in ``data``, keys that FCM keeps for itself, 4,096 bytes. It calls no
webhook. ``GET /service-account`` gives the key, for a stand-in in a process of its own.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, answer, starlette
from sandbox.servers.messaging import Desk, Fate, Misbehaving, Said, Trouble

PROVIDER = "fcm"
PROJECT = "stand-in"
ACCOUNT = "sender@stand-in.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
AUDIENCE = "https://oauth2.googleapis.com/token"
PAYLOAD_BYTES = 4096
#: Tokens that end so are no tokens at all; those whose fate is invalid are not registered.
MALFORMED, OTHER_SENDER = "-malformed", "-other-sender"

_JSON = {"content-type": "application/json"}
_TYPES = "type.googleapis.com/"
_KNOWN = {"token", "notification", "data", "webpush", "android", "apns", "fcm_options"}


def _error(status: int, state: str, *details: dict[str, Any]) -> bytes:
    error = {"code": status, "status": state, "message": state, "details": list(details)}
    return msgspec.json.encode({"error": error})


def _special(code: str) -> dict[str, Any]:
    return {"@type": _TYPES + "google.firebase.fcm.v1.FcmError", "errorCode": code}


def _bad(field: str) -> dict[str, Any]:
    violation = {"field": field, "description": "Invalid value"}
    return {"@type": _TYPES + "google.rpc.BadRequest", "fieldViolations": [violation]}


_SAID = {
    Trouble.THROTTLED: Said(
        429, _error(429, "RESOURCE_EXHAUSTED", _special("QUOTA_EXCEEDED")), _JSON
    ),
    Trouble.DENIED: Said(403, _error(403, "PERMISSION_DENIED"), _JSON),
    Trouble.PERMANENT: Said(400, _error(400, "INVALID_ARGUMENT", _bad("message.data")), _JSON),
    Trouble.NO_ID: Said(200, b"{}", _JSON),
}


@cache
def service_account() -> dict[str, str]:
    """The key as Google's console gives it; its token endpoint is the stand-in's."""
    private = _key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "client_email": ACCOUNT,
        "private_key_id": SECRET,
        "private_key": private.decode(),
        "token_uri": "token",
    }


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def environment(url: str) -> dict[str, str]:
    return {
        "MARKETING_FCM_SERVICE_ACCOUNT": json.dumps(service_account()),
        "MARKETING_FCM_URL": url,
    }


class Tokens:
    """The access tokens that were given out; ``refuses`` the next assertion, or answers it 503."""

    def __init__(self) -> None:
        self.given: set[str] = set()
        self.asked, self.refuses, self.is_down = 0, False, False

    def give(self, form: dict[str, list[str]]) -> Response:
        from google.auth import jwt

        self.asked += 1
        if self.is_down:
            return answer({"error": "internal_failure"}, 503)
        public = (
            _key()
            .public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        try:
            claims = jwt.decode(form["assertion"][0], certs=public, audience=AUDIENCE)
            is_right = claims["iss"] == ACCOUNT and claims["scope"] == SCOPE
        except (KeyError, ValueError):
            is_right = False
        if self.refuses or not is_right:
            return answer({"error": "invalid_grant"}, 400)
        token = f"ya29.{self.asked:08d}"
        self.given.add(token)
        return answer({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})


def app(desk: Desk, tokens: Tokens | None = None) -> ASGIApp:
    """``desk`` sees what is taken; ``tokens`` what was given out."""
    tokens = tokens or Tokens()

    async def token(request: Request) -> Response:
        return tokens.give(parse_qs((await request.body()).decode()))

    async def account(_: Request) -> Response:
        return answer(service_account())

    async def send(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or given not in tokens.given:
            return Response(_error(401, "UNAUTHENTICATED"), 401, _JSON)
        if request.path_params["project"] != PROJECT:
            return Response(_error(404, "NOT_FOUND"), 404, _JSON)
        body = await request.body()
        problem = _problem(body)
        if problem:
            return Response(problem[1], problem[0], _JSON)
        message = msgspec.json.decode(body)["message"]
        target = message["token"]
        if desk.fate(target) is Fate.INVALID:
            return Response(_error(404, "NOT_FOUND", _special("UNREGISTERED")), 404, _JSON)
        ident = f"projects/{PROJECT}/messages/0:{desk.next_id():016x}"
        desk.take(ident, message.get("data", {}).get("outbox_id", ""), target, body)
        return answer({"name": ident})

    messages = starlette(Route("/{project}/messages:send", send, methods=["POST"]))
    return starlette(
        Route("/token", token, methods=["POST"]),
        Route("/service-account", account),
        Mount("/v1/projects", Misbehaving(messages, desk, _SAID)),
    )


def _problem(body: bytes) -> tuple[int, bytes] | None:
    try:
        message = msgspec.json.decode(body)["message"]
        target, data = message["token"], message.get("data", {})
        unknown = set(message) - _KNOWN
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return 400, _error(400, "INVALID_ARGUMENT", _bad("message"))
    if unknown:
        return 400, _error(400, "INVALID_ARGUMENT", _bad(f"message.{min(unknown)}"))
    for place, (key, value) in enumerate(data.items()):
        if not isinstance(value, str):
            return 400, _error(400, "INVALID_ARGUMENT", _bad(f"message.data[{place}].value"))
        if key in ("from", "gcm", "message_type") or key.startswith("google"):
            return 400, _error(400, "INVALID_ARGUMENT", _bad("message.data"))
    payload = {name: message[name] for name in ("notification", "data") if name in message}
    if len(msgspec.json.encode(payload)) > PAYLOAD_BYTES:
        return 400, _error(400, "INVALID_ARGUMENT", _bad("message"))
    if target.endswith(MALFORMED):
        return 400, _error(400, "INVALID_ARGUMENT", _special("INVALID_ARGUMENT"))
    if target.endswith(OTHER_SENDER):
        return 403, _error(403, "PERMISSION_DENIED", _special("SENDER_ID_MISMATCH"))
    return None
