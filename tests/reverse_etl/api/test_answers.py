"""Every resource against SQL over the published version."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.reverse_etl.api.conftest import CONTACTS, Ask
from workspace.clock import iso


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            value = iso(value)
        elif isinstance(value, date | Decimal):
            value = str(value)
        elif name == "contributions" and value is not None:
            value = json.loads(value)
        found[name] = value
    return found


def listed(client: TestClient, path: str, limit: int = 37, **query: Any) -> list[dict[str, Any]]:
    """A whole list, a page after the other."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(f"/api/v1{path}", params={"limit": limit, **query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = {"cursor": page["next_cursor"]}


def one(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["item"]


LISTS = [
    (
        "/kpis",
        {"metric": "metric_7"},
        "kpi_monthly where metric = 'metric_7'",
        "vertical, metric_window, month",
    ),
    (
        "/kpis",
        {"vertical": "medical", "window": "ytd", "from": "2026-01-01", "to": "2026-07-01"},
        "kpi_monthly where vertical = 'medical' and metric_window = 'ytd' "
        "and month >= date '2026-01-01' and month < date '2026-07-01'",
        "metric, month",
    ),
    ("/campaigns", {}, "campaigns", "campaign"),
    ("/campaigns", {"vertical": "public"}, "campaigns where vertical = 'public'", "campaign"),
    ("/segments", {}, "marketing_segments", "segment"),
    (
        "/segments/segment_3/members",
        {},
        "segment_memberships where segment = 'segment_3'",
        "contact_id",
    ),
    ("/contacts", {}, "contact_features", "contact_id"),
    (
        "/contacts",
        {"vertical": "medical", "lead_band": "hot", "segment": "segment_21"},
        "contact_features where vertical = 'medical' and lead_band = 'hot' and contact_id in "
        "(select contact_id from marts.segment_memberships where segment = 'segment_21')",
        "contact_id",
    ),
    ("/accounts", {}, "account_features", "account_id"),
    (
        "/accounts",
        {"is_customer": "true", "tier": 4},
        "account_features where is_customer and tier = 4",
        "account_id",
    ),
    ("/scores/churn", {}, "predictions where model = 'churn'", "subject_id"),
    (
        "/scores/engagement",
        {"least": 40, "vertical": "public"},
        "predictions where model = 'engagement' and score >= 40 and vertical = 'public'",
        "subject_id",
    ),
    ("/audit", {}, "audit_logs", "position"),
    (
        "/audit",
        {"action": "action_2", "from": "2026-01-03"},
        "audit_logs where action = 'action_2' and entered_at >= '2026-01-03'",
        "position",
    ),
]


@pytest.mark.parametrize(("path", "query", "source", "order"), LISTS)
def test_lists(
    client: TestClient, ask: Ask, path: str, query: dict[str, Any], source: str, order: str
) -> None:
    found = listed(client, path, **query)
    expected = [plain(row) for row in ask(f"select * from marts.{source} order by {order}")]
    assert len(found) == len(expected) > 0
    for row, known in zip(found, expected, strict=True):
        assert {name: row[name] for name in row if name in known} == {
            name: known[name] for name in row if name in known
        }
        assert row.keys() - known.keys() <= {"segments"}


def test_a_contact(client: TestClient, ask: Ask) -> None:
    contact = listed(client, "/contacts")[5]["contact_id"]
    item = one(client, f"/contacts/{contact}")
    (row,) = ask("select * from marts.contact_features where contact_id = ?", contact)
    assert {name: item[name] for name in row if name in item} == {
        name: value for name, value in plain(row).items() if name in item
    }
    memberships = "select segment from marts.segment_memberships where contact_id = ? order by 1"
    assert item["segments"] == [row["segment"] for row in ask(memberships, contact)] != []
    scores = "select * from marts.predictions where contact_id is distinct from '' and "
    known = ask(f"{scores} subject_id = ? and subject_type = 'contact' order by model", contact)
    assert item["scores"] == [plain(row) for row in known] != []


def test_recommendations(client: TestClient, ask: Ask) -> None:
    having = "select distinct contact_id from marts.next_best_actions order by 1"
    contact = ask(having)[3]["contact_id"]
    item = one(client, f"/contacts/{contact}/recommendations")
    (action,) = ask("select * from marts.next_best_actions where contact_id = ?", contact)
    assert item["action"] == plain(action)
    content = "select * from marts.content_recommendations where contact_id = ? order by 2"
    assert item["content"] == [plain(row) for row in ask(content, contact)]
    assert [row["recommendation_rank"] for row in item["content"]] == [1, 2, 3]
    without = {row["contact_id"] for row in listed(client, "/contacts")}
    without -= {row["contact_id"] for row in ask(having)}
    nothing = one(client, f"/contacts/{min(without)}/recommendations")
    assert (nothing["action"], nothing["content"]) == (None, [])


def test_messages(client: TestClient, ask: Ask) -> None:
    contact = ask("select contact_id from marts.message_queue order by 1")[0]["contact_id"]
    found = listed(client, f"/contacts/{contact}/messages")
    known = ask(
        "select q.*, w.gate_text, w.is_final, w.is_unreachable from marts.message_queue as q "
        "left join marts.why_not_sent as w using (intent_id) where contact_id = ? "
        "order by intended_at desc, intent_id desc",
        contact,
    )
    assert found == [plain(row) for row in known]
    assert len(found) == 3
    for row in found:
        assert one(client, f"/messages/{row['intent_id']}") == row
    sms = listed(client, f"/contacts/{contact}/messages", channel="sms")
    assert sms == [row for row in found if row["channel"] == "sms"]
    # The key of the last one, with a page for each.
    cursor, paged = {}, []
    for _ in found:
        page = client.get(f"/api/v1/contacts/{contact}/messages", params={"limit": 1, **cursor})
        paged += page.json()["items"]
        cursor = {"cursor": page.json()["next_cursor"]}
    assert paged == found and cursor["cursor"] is None


def test_accounts_segments_and_campaigns_in_full(client: TestClient, ask: Ask) -> None:
    for account in ask("select account_id from marts.account_features order by 1 limit 8"):
        ident = account["account_id"]
        item = one(client, f"/accounts/{ident}")
        for name in ("coverage", "engagement"):
            rows = ask(f"select * from marts.account_{name} where account_id = ?", ident)
            shown = {key: plain(rows[0])[key] for key in item[name]} if rows else None
            assert item[name] == shown
        assert [row["model"] for row in item["scores"]] == ["churn"]
    item = one(client, "/segments/segment_4")
    reach = ask("select * from marts.segment_counts where segment = 'segment_4' order by 2")
    assert sorted(row["purpose"] for row in item["reach"]) == sorted(
        row["purpose"] for row in reach
    )
    assert one(client, "/campaigns/campaign_39")["card"] is None
    (card,) = ask("select * from marts.campaign_scorecard where campaign = 'campaign_7'")
    item = one(client, "/campaigns/campaign_7")
    assert item["card"] == {name: plain(card)[name] for name in item["card"]}


@pytest.mark.parametrize("by", ["channel", "campaign"])
@pytest.mark.parametrize("model", ["linear", "time_decay", "w_shaped", "first"])
def test_attribution_anew(client: TestClient, ask: Ask, model: str, by: str) -> None:
    query = {"model": model, "by": by, "lookback": 50, "half-life": 3, "from": "2026-02-01"}
    found = listed(client, "/attribution", **query)
    # An oracle of its own for the equal shares; that of the macro is in its tests.
    total = "count(distinct conversion_id) as conversions, sum(revenue) filter (touches_after = 0)"
    (known,) = ask(
        f"select {total} as revenue from marts.attribution_touchpoints "
        "where converted_at >= '2026-02-01'"
    )
    assert sum(row["conversions"] for row in found) == pytest.approx(known["conversions"])
    assert sum(Decimal(row["credit_base"]) for row in found) == known["revenue"]
    assert found == sorted(found, key=lambda row: (row["vertical"], row["goal"], row["name"]))
    one_vertical = listed(client, "/attribution", **query, vertical="public")
    assert one_vertical == [row for row in found if row["vertical"] == "public"] != []
    if model == "linear" and by == "channel":
        shares = ask(
            "select vertical, channel as name, sum(1.0 / path) as conversions from (select *, "
            "count(*) over (partition by conversion_id) as path from marts.attribution_touchpoints "
            "where age_days <= 50 and converted_at >= '2026-02-01') group by all order by 1, 2"
        )
        assert [(row["vertical"], row["name"]) for row in found] == [
            (row["vertical"], row["name"]) for row in shares
        ]
        for row, share in zip(found, shares, strict=True):
            assert row["conversions"] == pytest.approx(float(share["conversions"]))


def test_attribution_as_made(client: TestClient, ask: Ask) -> None:
    found = listed(client, "/attribution", model="markov")
    known = ask(
        "select vertical, channel, count(*) as touches, sum(credit_base) as credit "
        "from marts.attribution_credits where model = 'markov' group by all order by 1, 2"
    )
    assert [(r["vertical"], r["name"], r["touches"], Decimal(r["credit_base"])) for r in found] == [
        tuple(row.values()) for row in known
    ]


def test_all_contacts_of_a_segment_are_its_members(client: TestClient) -> None:
    members = {row["contact_id"] for row in listed(client, "/segments/segment_20/members")}
    known = {row["contact_id"] for row in listed(client, "/contacts", segment="segment_20")}
    assert members == known and 0 < len(known) < CONTACTS


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/contacts/nobody", "contact"),
        ("/contacts/nobody/messages", "contact"),
        ("/contacts/nobody/recommendations", "contact"),
        ("/accounts/none", "account"),
        ("/segments/none", "segment"),
        ("/segments/none/members", "segment"),
        ("/campaigns/none", "campaign"),
        ("/messages/none", "message"),
        ("/nothing", "path"),
        ("/contacts/", "path"),
    ],
)
def test_what_there_is_not(client: TestClient, path: str, kind: str) -> None:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/kpis?limit=0", "limit"),
        ("/kpis?limit=1001", "limit"),
        ("/kpis?limit=" + "9" * 5000, "limit"),
        ("/kpis?from=2026-13-01", "from"),
        ("/kpis?from=1700000000", "from"),
        ("/kpis?cursor=x", "cursor"),
        ("/kpis?cursor=WyJhIl0", "cursor"),
        ("/kpis?window=week", "window"),
        ("/kpis?verticall=x", ""),
        ("/contacts/a?limit=5", ""),
        ("/contacts?vertical=a%00b", "vertical"),
        ("/scores/unknown", "model"),
        ("/attribution", "model"),
        ("/attribution?model=markov&lookback=3", "model"),
        ("/attribution?model=linear&lookback=0", "lookback"),
        ("/attribution?model=linear&lookback=nan", "lookback"),
        ("/attribution?model=linear&half-life=inf", "half-life"),
        ("/attribution?model=linear&from=2026-02-01&to=2026-01-01", "from"),
    ],
)
def test_parameters_that_are_wrong(client: TestClient, path: str, parameter: str) -> None:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 422
    body = answer.json()
    assert (body["type"], body["status"]) == ("/problems/parameter", 422)
    assert [fault["parameter"] for fault in body["errors"]] == [parameter]


def test_a_parameter_given_twice_is_not_half_heard(client: TestClient) -> None:
    answer = client.get("/api/v1/accounts?account_type=commune&account_type=epci")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"parameter": "", "detail": "each parameter is given once"}]


def test_a_wrong_value_is_not_repeated(client: TestClient) -> None:
    for query in ("limit=hunter2", "hunter2=1", "cursor=hunter2", "from=hunter2", "window=hunter2"):
        answer = client.get(f"/api/v1/kpis?{query}")
        assert answer.status_code == 422 and "hunter2" not in answer.text
