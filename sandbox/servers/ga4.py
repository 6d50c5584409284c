"""Google Analytics' Data API v1beta: one report, and the token service before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Person,
    answer,
    bearer,
    page_of,
    starlette,
    stream,
)

PROPERTY = "312345678"
ACCOUNT = "warehouse@stand-in.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = _KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
ENVIRONMENT = {
    "MARKETING_GA4_SERVICE_ACCOUNT": json.dumps(
        {
            "type": "service_account",
            "client_email": ACCOUNT,
            "private_key_id": SECRET,
            "private_key": _KEY.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            "token_uri": "token",
        }
    ),
    "MARKETING_GA4_PROPERTIES": PROPERTY,
}
CHANNELS = [
    ("Direct", "(direct)", "(none)", "(direct)"),
    ("Organic Search", "google", "organic", "(organic)"),
    ("Paid Search", "google", "cpc", "marches-publics"),
    ("Email", "brevo", "email", "infolettre-hopitaux"),
    ("Organic Social", "linkedin.com", "referral", "(referral)"),
]
DAYS = 45


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Every channel on each of the last 45 days; the more people, the more sessions."""
    rng = stream("ga4", seed)
    rows = []
    for back in range(DAYS, 0, -1):
        day = (end - timedelta(days=back)).strftime("%Y%m%d")
        for channel in CHANNELS:
            sessions = rng.randint(1, 10 + 2 * len(people))
            engaged = rng.randint(0, sessions)
            users = rng.randint(1, sessions)
            counts = (sessions, engaged, users, rng.randint(0, users), rng.randint(0, engaged))
            rows.append(
                {
                    "dimensionValues": [{"value": value} for value in (day, *channel)],
                    "metricValues": [{"value": str(value)} for value in counts],
                }
            )
    return {"rows": rows}


def counts(data: Data) -> dict[str, int]:
    return {"sessions": len(data["rows"])}


def app(data: Data, page_size: int = 250_000) -> Starlette:
    async def token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        try:
            claims = jwt.decode(form["assertion"][0], {SECRET: PUBLIC}, audience=AUDIENCE)
            known = claims["iss"] == ACCOUNT
        except (KeyError, ValueError):
            known = False
        if not known:
            return answer({"error": "invalid_grant"}, 400)
        return answer({"access_token": SECRET, "expires_in": 3599, "token_type": "Bearer"})

    async def report(request: Request) -> Response:
        bearer(request)
        if request.path_params["property"] != PROPERTY:
            return answer({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, 403)
        query = json.loads(await request.body())
        low, high = (
            query["dateRanges"][0][name].replace("-", "") for name in ("startDate", "endDate")
        )
        found = [r for r in data["rows"] if low <= r["dimensionValues"][0]["value"] <= high]
        found.sort(key=lambda row: [str(part["value"]) for part in row["dimensionValues"]])
        size = min(int(query.get("limit", 10_000)), page_size)
        rows, _ = page_of(found, int(query.get("offset", 0)), size)
        return answer(_table(query, rows, len(found)))

    return starlette(
        Route("/token", token, methods=["POST"]),
        Route("/v1beta/properties/{property}:runReport", report, methods=["POST"]),
    )


def _table(query: dict[str, Any], rows: list[Any], total: int) -> dict[str, Any]:
    """The answer; what is empty is left out."""
    table = {
        "dimensionHeaders": query["dimensions"],
        "metricHeaders": [m | {"type": "TYPE_INTEGER"} for m in query["metrics"]],
        "rows": rows,
        "rowCount": total,
        "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Paris"},
        "kind": "analyticsData#runReport",
    }
    return {name: value for name, value in table.items() if value}
