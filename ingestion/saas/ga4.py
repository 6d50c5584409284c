"""Google Analytics 4: sessions of each day by channel, source, medium and campaign.

The Data API answers a report in pages by offset, at most 250,000 rows each, and leaves `rows` and
`rowCount` out when there are none. Google takes up to three days to process a day, so the last
days are asked for again. A day is one of the property's time zone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, PullError, Record, Resource, Rows, Source, Variable
from ingestion.sources.session import Session

PAGE_SIZE = 100_000
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
#: In the order of the rows' values.
DIMENSIONS = (
    *("date", "sessionDefaultChannelGroup"),
    *("sessionSource", "sessionMedium", "sessionCampaignName"),
)
METRICS = ("sessions", "engagedSessions", "totalUsers", "newUsers", "keyEvents")


def _reports(pull: Pull) -> Iterator[Page]:
    token = _token(pull)
    for given in pull.values["MARKETING_GA4_PROPERTIES"].split(","):
        property_id = given.strip()
        yield from rest.ask(
            pull,
            f"/v1beta/properties/{property_id}:runReport",
            rest.offset(PAGE_SIZE, "rowCount", offset_body_path="offset", limit_body_path="limit"),
            json=_query(pull),
            headers={"Authorization": f"Bearer {token}"},
            records="rows",
            parent={"property": property_id},
        )


def _query(pull: Pull) -> dict[str, Any]:
    window = pull.window
    days = {
        "startDate": window.start.date().isoformat(),
        "endDate": window.end.date().isoformat(),
    }
    return {
        "dateRanges": [days],
        "dimensions": [{"name": name} for name in DIMENSIONS],
        "metrics": [{"name": name} for name in METRICS],
        # Pages by offset need one order for all of them.
        "orderBys": [{"dimension": {"dimensionName": name}} for name in DIMENSIONS],
    }


def _token(pull: Pull) -> str:
    """An access token for the service account, good for an hour."""
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.service_account import Credentials

    account = _account(pull.values["MARKETING_GA4_SERVICE_ACCOUNT"])
    try:
        # A token_uri without a host is a path below the API's own address.
        account["token_uri"] = urljoin(f"{pull.url}/", account["token_uri"])
        credentials = Credentials.from_service_account_info(account, scopes=[SCOPE])
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError):
        raise PullError("MARKETING_GA4_SERVICE_ACCOUNT is no service account's key") from None
    try:
        credentials.refresh(_transport(pull.session))
    except PullError as error:
        if str(error).endswith("answered 400"):  # Google's word for a key it does not know
            raise PullError(f"{error}: the credentials were refused") from None
        raise
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PullError(f"no access token ({type(error).__name__})") from None
    return str(credentials.token)


def _account(given: str) -> dict[str, Any]:
    """The service account's key, from its JSON or from the file that holds it."""
    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text("utf-8")
        return dict(json.loads(text))
    except OSError as error:
        raise PullError(
            f"MARKETING_GA4_SERVICE_ACCOUNT cannot be read ({error.strerror})"
        ) from None
    except (ValueError, TypeError):
        raise PullError("MARKETING_GA4_SERVICE_ACCOUNT is no JSON object") from None


def _transport(session: Session) -> Callable[..., Any]:
    """Our session as google-auth calls one."""

    def send(url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Any:
        answer = session.request(method, url, data=body, headers=headers)
        return SimpleNamespace(
            status=answer.status_code, headers=answer.headers, data=answer.content
        )

    return send


def _rows(body: bytes) -> list[Any]:
    page = lines.decoded(body)
    if page["kind"] != "analyticsData#runReport":
        raise ValueError("no report")
    return lines.records_at(page, "rows") if "rows" in page else []


def _day(record: Record) -> str:
    day = record["dimensionValues.0.value"]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


SOURCE = Source(
    name="ga4",
    title="Google Analytics 4",
    module=__name__,
    url="https://analyticsdata.googleapis.com",
    variables=(
        Variable("MARKETING_GA4_SERVICE_ACCOUNT", "the service account's key, JSON or its path"),
        Variable("MARKETING_GA4_PROPERTIES", "property ids, separated by commas", scope=True),
    ),
    per_second=2,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="sessions",
            kind="web_analytics",
            description="sessions a day by channel, source, medium and campaign",
            endpoint="POST /v1beta/properties/{id}:runReport",
            pages=_reports,
            look_back=timedelta(days=3),
            rows=Rows(
                records=_rows,
                constants={"source": "ga4"},
                fields={
                    "property_id": "parent.property",
                    "report_on": _day,
                    "channel_group": "dimensionValues.1.value",
                    "traffic_source": "dimensionValues.2.value",
                    "traffic_medium": "dimensionValues.3.value",
                    "campaign": "dimensionValues.4.value",
                    "sessions": "metricValues.0.value",
                    "engaged_sessions": "metricValues.1.value",
                    "users": "metricValues.2.value",
                    "new_users": "metricValues.3.value",
                    "key_events": "metricValues.4.value",
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
