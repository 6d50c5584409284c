"""Google's Data Manager API: ``audienceMembers:ingest`` and ``:remove``.

A request is taken whole or not at all, and what became of it is asked later by its ``requestId``.
Consent goes with each member: whoever is sent has granted both uses.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urljoin

from reverse_etl.audiences.model import (
    Capabilities,
    Fault,
    Item,
    Outcome,
    Paused,
    RowsRefused,
    Unavailable,
)
from reverse_etl.audiences.transport import Answer, Api
from workspace.ledger.audiences import CONFIRMED, FAILED, SENT

ACCOUNT, KEY = "MARKETING_GOOGLE_DATA_MANAGER_ACCOUNT", "MARKETING_GOOGLE_DATA_MANAGER_KEY"
LOGIN = "MARKETING_GOOGLE_DATA_MANAGER_LOGIN"
SCOPE = "https://www.googleapis.com/auth/datamanager"
#: A member may have so many identifiers.
MOST_IDENTIFIERS = 10
#: A token is good for an hour.
TOKEN_SECONDS = 3000.0
_NAMES = {"email": "emailAddress", "phone": "phoneNumber"}
_ENDED = {"SUCCESS": CONFIRMED, "PARTIAL_SUCCESS": CONFIRMED, "FAILED": FAILED, "FAILURE": FAILED}

CAPABILITIES = Capabilities(
    name="google_data_manager",
    title="Google Customer Match (Data Manager API)",
    batch_size=10_000,
    identifiers=("email", "phone"),
    normaliser="google-1",
    variables=(ACCOUNT, KEY),
    optional=(LOGIN,),
    url="https://datamanager.googleapis.com",
    minimum_members=100,
    asynchronous=True,
    per_second=4.0,
    note="300 requests a minute",
)


class GoogleDataManager:
    capabilities = CAPABILITIES

    def __init__(self, api: Api, values: dict[str, str]) -> None:
        self._api, self._values = api, values
        self._token, self._fetched = "", float("-inf")
        api.explain = _explain

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        consent = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
        terms = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return self._write("ingest", items, list_id, {"consent": consent, "termsOfService": terms})

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("remove", items, list_id, {})

    def poll(self, batch_id: str) -> Outcome | None:
        query = urlencode({"requestId": batch_id})
        answer = self._api.ask("GET", f"/v1/requestStatus:retrieve?{query}", headers=self._auth())
        told = answer.value if isinstance(answer.value, dict) else {}
        parts = told.get("requestStatusPerDestination") or []
        if not parts:
            return None
        status = parts[0].get("requestStatus")
        if status not in _ENDED:
            return None
        reasons = (parts[0].get("errorInfo") or {}).get("errorCounts") or []
        code = next((str(one.get("reason")) for one in reasons), None)
        is_partial = status == "PARTIAL_SUCCESS"
        if is_partial:
            code = code or "partial_success"
        return Outcome(_ENDED[status], code=code, is_partial=is_partial)

    def _write(
        self, verb: str, items: Sequence[Item], list_id: str | None, more: dict[str, Any]
    ) -> dict[str, Outcome]:
        account = {"accountType": "GOOGLE_ADS", "accountId": self._values[ACCOUNT]}
        destination: dict[str, Any] = {
            "operatingAccount": account,
            "productDestinationId": str(list_id),
        }
        if self._values.get(LOGIN):
            destination["loginAccount"] = {**account, "accountId": self._values[LOGIN]}
        body = {
            "destinations": [destination],
            "audienceMembers": [member for item in items for member in _members(item)],
            "encoding": "HEX",
            "validateOnly": False,
            **more,
        }
        path = f"/v1/audienceMembers:{verb}"
        answer = self._api.send("POST", path, body, headers=self._auth())
        request_id = answer.value.get("requestId") if isinstance(answer.value, dict) else None
        if not request_id:
            raise Unavailable("unreadable_answer")
        outcome = Outcome(SENT, batch_id=str(request_id)[:200])
        return {item.contact_id: outcome for item in items}

    def _auth(self) -> dict[str, str]:
        if time.monotonic() - self._fetched >= TOKEN_SECONDS:
            self._token, self._fetched = _token(self._values[KEY], self._api), time.monotonic()
        return {"Authorization": f"Bearer {self._token}"}


def _members(item: Item) -> list[dict[str, Any]]:
    """One member, or several where it has more identifiers than one may."""
    found = [{_NAMES[kind]: value} for kind, value in item.pairs]
    return [
        {"userData": {"userIdentifiers": found[start : start + MOST_IDENTIFIERS]}}
        for start in range(0, len(found), MOST_IDENTIFIERS)
    ]


def _explain(answer: Answer) -> Fault | None:
    """Google says which kind of fault it is in words."""
    error = answer.value.get("error") if isinstance(answer.value, dict) else None
    if not isinstance(error, dict):
        return None
    if error.get("status") == "FAILED_PRECONDITION":
        return Paused("failed_precondition", "the account or its declarations do not allow it")
    return None


def _token(given: str, api: Api) -> str:
    """An access token of the service account."""
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.service_account import Credentials

    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text("utf-8")
        account = dict(json.loads(text))
        # A token_uri without a host is a path below the API's own address.
        account["token_uri"] = urljoin(f"{api.url}/", account["token_uri"])
        credentials = Credentials.from_service_account_info(account, scopes=[SCOPE])
    except (OSError, GoogleAuthError, ValueError, TypeError, KeyError):
        raise Paused("credentials", f"{KEY} is no service account's key") from None
    try:
        credentials.refresh(_sending(api))
    except (RowsRefused, GoogleAuthError, ValueError) as error:
        raise Paused("credentials", f"no access token ({type(error).__name__})") from None
    return str(credentials.token)


def _sending(api: Api) -> Callable[..., Any]:
    """Our transport as google-auth calls one."""

    def send(url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Any:
        data = body.encode() if isinstance(body, str) else body or b""
        answer = api.ask(method, url, data, headers)
        return SimpleNamespace(status=answer.status, headers=answer.headers, data=answer.body)

    return send
