"""Twilio's text messages and the status callbacks it signs.

Checked as documented: Basic with the account's token, To as a number with its country code, a
sender or a messaging service, 1,600 characters, a callback over http or https. Nothing recognises
a message that is sent twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, answer, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Trouble

PROVIDER = "twilio"
ACCOUNT = "AC" + "1" * 32
CHARACTERS = 1600

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_KNOWN = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}


def _said(status: int, code: int, message: str) -> Said:
    body = b'{"code":%d,"message":"%s","status":%d}' % (code, message.encode(), status)
    return Said(status, body)


_SAID = {
    Trouble.THROTTLED: _said(429, 20429, "Too Many Requests"),
    Trouble.DENIED: _said(401, 20003, "Authenticate"),
    Trouble.PERMANENT: _said(400, 21408, "Permission to send has not been enabled"),
    Trouble.NO_ID: Said(201, b'{"status":"queued","error_code":null}'),
}


def environment(url: str) -> dict[str, str]:
    return {
        "MARKETING_TWILIO_ACCOUNT_SID": ACCOUNT,
        "MARKETING_TWILIO_AUTH_TOKEN": SECRET,
        "MARKETING_TWILIO_URL": url,
    }


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is suppressed have sent STOP."""
    login = "Basic " + base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()

    async def create(request: Request) -> Response:
        if request.headers.get("authorization") != login:
            return _error(20003, "Authenticate", 401)
        if request.path_params["account"] != ACCOUNT:
            return _error(20404, "The requested resource was not found", 404)
        body = await request.body()
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
        except ValueError:
            return _error(20001, "Unable to parse the body")
        form = dict(pairs)
        problem = _problem(form, len(pairs))
        if problem:
            return _error(*problem)
        fate = desk.fate(form["To"])
        if fate is Fate.INVALID:
            return _error(21211, "Invalid 'To' Phone Number")
        if fate is Fate.SUPPRESSED:
            return _error(21610, "Attempt to send to unsubscribed recipient")
        query = dict(parse_qsl(urlsplit(form.get("StatusCallback", "")).query))
        ident = f"SM{desk.next_id():032x}"
        desk.take(ident, query.get("outbox_id", ""), form["To"], body)
        given = {"to": form["To"], "from": form.get("From"), "body": form["Body"]}
        return answer(
            {"sid": ident, "status": "queued", "error_code": None, "account_sid": ACCOUNT, **given},
            201,
        )

    path = "/2010-04-01/Accounts/{account}/Messages.json"
    return Misbehaving(starlette(Route(path, create, methods=["POST"])), desk, _SAID)


def _problem(form: dict[str, str], pairs: int) -> tuple[int, str] | None:
    if len(form) != pairs or set(form) - _KNOWN:
        return 20001, "Unknown or repeated parameter"
    if not form.get("To"):
        return 21604, "A 'To' phone number is required."
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if not form.get("Body"):
        return 21602, "Message body is required."
    if not _NUMBER.fullmatch(form["To"]):
        return 21211, "Invalid 'To' Phone Number"
    if len(form["Body"]) > CHARACTERS:
        return 21617, "The concatenated message body exceeds the 1600 character limit"
    callback = form.get("StatusCallback")
    if callback is not None and urlsplit(callback).scheme not in ("http", "https"):
        return 21609, "The StatusCallback URL is not a valid URL."
    return None


def _error(code: int, message: str, status: int = 400) -> Response:
    return answer({"code": code, "message": message, "status": status, "more_info": ""}, status)


def secret() -> str:
    """The account's token, which signs."""
    return SECRET


#: What a callback can tell, in our collector's words.
EVENTS = ("sent", "delivered", "failed")
_STATUSES = {
    **{"sent": "sent", "deferred": "sent", "delivered": "delivered"},
    **dict.fromkeys(("bounced", "failed"), "undelivered"),
}


def calls(
    events: Iterable[Event], url: str, shared: tuple[str, str] | None = None
) -> Iterator[Call]:
    """A form an event, for messages that named a callback; a STOP comes as a message.

    With a ``shared`` key (name, secret) it is signed by HMAC-SHA256, else by HMAC-SHA1.
    """
    for event in events:
        taken, form = event.taken, dict(parse_qsl(event.taken.body.decode()))
        common = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01"}
        suffix = ""
        if event.name in _STATUSES and "StatusCallback" in form:
            suffix = "?" + urlsplit(form["StatusCallback"]).query
            fields = {"MessageSid": taken.provider_message_id, "To": taken.recipient}
            fields |= {"SmsSid": taken.provider_message_id, "From": form.get("From", "")}
            status = _STATUSES[event.name]
            fields |= {"MessageStatus": status, "SmsStatus": status}
            fields |= {"ErrorCode": "30005"} if status == "undelivered" else {}
        elif event.name == "unsubscribed":
            ident = "SM" + hashlib.md5(taken.provider_message_id.encode()).hexdigest()
            fields = {"MessageSid": ident, "SmsSid": ident, "SmsStatus": "received"}
            fields |= {"From": taken.recipient, "To": form.get("From", ""), "Body": "STOP"}
            fields |= {"OptOutType": "STOP", "NumMedia": "0"}
        else:
            continue
        yield _signed(common | fields, url, suffix, shared)


def _signed(fields: dict[str, str], url: str, suffix: str, shared: tuple[str, str] | None) -> Call:
    text = url + suffix + "".join(name + value for name, value in sorted(fields.items()))
    key, algorithm = (shared[1], hashlib.sha256) if shared else (SECRET, hashlib.sha1)
    digest = hmac.new(key.encode(), text.encode(), algorithm).digest()
    headers = {**_FORM, "x-twilio-signature": base64.b64encode(digest).decode()}
    if shared:
        settings = f"key={shared[0]},algorithm=HMAC_SHA256"
        headers["x-twilio-webhooks-signature-settings"] = settings
    return Call(urlencode(fields).encode(), headers, suffix)
