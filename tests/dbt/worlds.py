"""Literal lakes that the dbt tests build: one function a scenario, giving `Lakehouse.fill` rows."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from workspace import definitions
from workspace.definitions.store import table

MARKETING = Path(__file__).resolve().parents[2] / "marketing"
AS_OF = datetime(2026, 10, 1)
Streams = dict[str, list[dict[str, Any]]]


@cache
def _parameters() -> tuple[dict[str, Any], ...]:
    rows = table(definitions.load(MARKETING).rows(), datetime(2000, 1, 1)).to_pylist()
    return tuple(rows)


def parameters() -> list[dict[str, Any]]:
    """The repository's own verticals.yml and targets.yml as rows."""
    return [dict(row) for row in _parameters()]


def company(crm_id: str, vertical: str) -> dict[str, Any]:
    return {
        "crm_id": crm_id,
        "company_key": f"key-{crm_id}",
        "created_at": datetime(2024, 9, 1),
        "name": f"Organisation {crm_id}",
        "vertical": vertical,
    }


def contract(
    crm_id: str,
    company_id: str,
    mrr: float,
    starts_on: date,
    ends_on: date | None = None,
    pipeline: str = "medical_sales",
    **more: Any,
) -> dict[str, Any]:
    """A won deal."""
    won = {"medical_sales": "contract_signed", "public_sales": "approved_signed"}
    return {
        "crm_id": crm_id,
        "created_at": datetime.combine(starts_on, datetime.min.time()),
        "pipeline": pipeline,
        "stage": won.get(pipeline, "won"),
        "mrr": mrr,
        "currency": "EUR",
        "closed_at": datetime.combine(starts_on, datetime.min.time()) + timedelta(hours=10),
        "contract_start_on": starts_on,
        "contract_end_on": ends_on,
        "company_crm_id": company_id,
        "properties": "{}",
        **more,
    }


def cost(vertical: str, month: date, line: str, cost_class: str, amount: float, **more: Any):
    return {
        "vertical": vertical,
        "cost_month": month,
        "line": line,
        "scenario": "actual",
        "cost_class": cost_class,
        "amount": amount,
        "currency": "EUR",
        **more,
    }


def months_of_year_1() -> list[date]:
    return [date(2024 + (9 + i) // 12, (9 + i) % 12 + 1, 1) for i in range(12)]


def golden_cac() -> Streams:
    """Year 1's costs and customers, nothing else: 266,000 / 30 and 200,000 / 100."""
    months = months_of_year_1()
    costs, companies, deals = [], [], []
    for vertical, marketing, twice, sales, customers, mrr in (
        ("medical", 71_000, 45_000, 150_000, 30, 500),
        ("public", 80_000, 0, 120_000, 100, 300),
    ):
        for line, cost_class, amount in (
            ("media", "marketing", marketing),
            ("sales_salaries", "sales", sales),
            ("direct_sales_team", "marketing", twice),
        ):
            for n, month in enumerate(months):
                share = amount // 12 + (amount % 12 if n == 11 else 0)
                costs.append(cost(vertical, month, line, cost_class, share))
        for n in range(customers):
            name = f"{vertical}-{n}"
            companies.append(company(name, vertical))
            month = months[n % 12]
            deals.append(
                contract(name, name, mrr, month.replace(day=15), pipeline=f"{vertical}_sales")
            )
    return {
        "parameters": parameters(),
        "costs": costs,
        "crm_companies": companies,
        "crm_deals": deals,
    }


def json_text(**values: Any) -> str:
    return json.dumps(values)


def event(message_id: str, occurred_at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "type": "track",
        "occurred_at": occurred_at,
        "known_at": occurred_at,
        "properties": "{}",
        **more,
    }


def order(
    number: int, person: str, occurred_at: datetime, revenue: str, currency: str, **more: Any
) -> dict[str, Any]:
    return event(
        f"m{number}",
        occurred_at,
        event="Order Completed",
        user_id=person,
        user_key=f"key-{person}",
        order_id=f"o{number}",
        revenue=revenue,
        currency=currency,
        **more,
    )


def orders_only() -> Streams:
    """Purchases and nothing else, as a shop without any other source has them."""
    first = datetime(1997, 1, 31, 12)
    rows = [
        order(1, "ann", first, "11.77", "USD"),
        order(2, "ann", first + timedelta(days=30), "12.00", "USD"),
        order(3, "bob", first + timedelta(days=1), "77.00", "USD"),
        # Said again under another message id: the first counts.
        {**order(4, "bob", first + timedelta(days=2), "77.00", "USD"), "order_id": "o3"},
        # Without a user: an order, and nobody's.
        {**order(5, "nobody", first, "5.55", "USD"), "user_id": None, "user_key": None},
        # No rate for pounds: kept, and undefined in the base currency.
        order(6, "cyd", datetime(1997, 6, 10), "1.00", "GBP"),
    ]
    return {"parameters": parameters(), "events": rows}


SHOP = """
  shop:
    name: Shop
    market: b2c
    customer_unit: contact
    gross_margin: 0.4
    cohort_window_days: 30
    hosts: [shop.example]
    funnel:
      - {stage: lead, name: Signed up, metric: leads, from: {object: event, event: "Signed Up"}}
      - {stage: paid, name: First order, metric: new_customers,
         from: {object: event, event: "Order Completed"}}
"""


def third_vertical(folder: Path) -> Streams:
    """A B2C shop, added by editing verticals.yml and nothing else."""
    text = (MARKETING / "verticals.yml").read_text(encoding="utf-8")
    (folder / "verticals.yml").write_text(text.rstrip() + "\n" + SHOP, encoding="utf-8")
    rows = table(definitions.load(folder).rows(), datetime(2000, 1, 1)).to_pylist()
    there = {"page_host": "shop.example"}
    person = {"user_id": "eve", "user_key": "key-eve"}
    signed_up = [
        event(f"s{n}", datetime(2026, 3, 1 + n), event="Signed Up", user_key=f"key-p{n}", **there)
        for n in range(4)
    ]
    return {
        "parameters": [*rows, _plan_parameter()],
        "events": [
            *signed_up,
            event("s9", datetime(2026, 3, 9), event="Signed Up", **person, **there),
            order(1, "eve", datetime(2026, 3, 10), "30", "EUR", **there),
            order(2, "eve", datetime(2026, 4, 10), "50", "EUR", **there),
            order(3, "p1", datetime(2026, 3, 12), "20", "EUR", **there),
            # No sign-up seen: implied.
            order(4, "zoe", datetime(2026, 3, 31, 22, 30), "10", "EUR", **there),
        ],
        "costs": [cost("shop", date(2026, 3, 1), "ads", "marketing", 30)],
    }


def _plan_parameter() -> dict[str, Any]:
    return {
        "definition": "targets",
        "definition_hash": "0",
        "collection": "plan",
        "key": "plan",
        "position": 1,
        "value": json_text(plan_start_on="2025-10-01"),
    }


def busy() -> Streams:
    """A bit of everything: merges, versions, months on the edge, answers, churn, currencies."""
    contacts = [
        {
            "crm_id": f"p{n}",
            "contact_key": f"key-p{n}",
            "created_at": datetime(2025, 1, 1),
            "email": f"person{n}@example.org",
            "email_key": f"email-p{n}",
            "company_crm_id": f"c{n}",
            "vertical": "public",
            "properties": json_text(hs_lifecyclestage_lead_date="2025-01-10T00:00:00Z"),
        }
        for n in range(80)
    ]
    contacts += [
        # p900 was merged into p0, which knows it; an older version of p0 said otherwise.
        {**contacts[0], "crm_id": "p900", "contact_key": "key-p900", "properties": "{}"},
        {
            **contacts[0],
            "known_at": datetime(2025, 2, 1),
            "user_id": "zero",
            "user_key": "user-0",
            "properties": json_text(
                hs_lifecyclestage_lead_date=1736467200000, hs_merged_object_ids="p900;"
            ),
        },
        {**contacts[1], "crm_id": "p901", "contact_key": "key-p901", "archived": True},
    ]
    companies = [company(f"c{n}", "public") for n in range(80)]
    companies[0] |= {"insee_code": "01001"}
    companies[1] |= {"siren": "200000001", "population": 9}
    deals = [
        contract(
            f"d{n}",
            f"c{n}",
            300,
            date(2025, 3, 1),
            # d0 leaves in June, d1 is reduced, d2 comes back.
            {0: date(2025, 6, 15), 1: date(2025, 8, 31), 2: date(2025, 6, 1)}.get(n),
            pipeline="public_sales",
            contact_crm_id="p900" if n == 0 else f"p{n}",
        )
        for n in range(12)
    ]
    deals += [
        contract("d1b", "c1", 200, date(2025, 8, 31), pipeline="public_sales"),
        contract("d2b", "c2", 300, date(2025, 9, 10), pipeline="public_sales"),
        # Dollars without any rate: no base amount, a finding, an undefined MRR.
        contract("d99", "c79", 100, date(2026, 9, 1), pipeline="public_sales", currency="USD"),
    ]
    answers = [
        {
            "response_id": f"r{n}",
            "survey": "nps",
            "question_type": "nps",
            "vertical": "public",
            "email_key": f"email-{n}",
            "score": 10 if n < 60 else 7 if n < 85 else 2,
            "occurred_at": datetime(2025, 4, 30, 22, 30),  # 1 May in Paris
        }
        for n in range(100)
    ]
    visits = [
        event(
            "a1",
            datetime(2025, 5, 2),
            event="Review Published",
            user_key="user-0",
            landed_at=datetime(2025, 5, 3),
        ),
        event(
            "v1",
            datetime(2025, 3, 30, 0, 59),
            page_host="WWW.PUBLICHUB.example",
            page_path="/p?email=a@b.example",
            user_key="user-0",
        ),
        event("v2", datetime(2025, 3, 30, 22, 1), user_key="user-0"),
        event("v3", datetime(2025, 3, 31, 22, 0), user_key="user-1", utm_campaign="spring"),
        event(
            "v4", datetime(2024, 12, 31, 23, 0), anonymous_key="anonymous", utm_campaign="Winter"
        ),
    ]
    spend = [
        {
            "platform": "ads",
            "account_id": "1",
            "campaign_id": "7",
            "campaign_name": name,
            "vertical": "public",
            "spend_on": date(2025, 2, 3),
            "spend": amount,
            "currency": "GBP",
            "known_at": known_at,
        }
        for name, amount, known_at in (
            ("Autumn", 99, datetime(2025, 2, 4)),
            ("Winter", 100, datetime(2025, 2, 8)),
        )
    ]
    rates = [
        {"base_currency": "EUR", "currency": "GBP", "rate_on": date(2025, 1, 30), "rate": "1.2"}
    ]
    return {
        "parameters": parameters(),
        "crm_contacts": contacts,
        "crm_companies": companies,
        "crm_deals": deals,
        "surveys": answers,
        "events": visits,
        "ad_spend": spend,
        "fx_rates": rates,
        "organisations": [
            {"level": "commune", "code": "01001", "name": "A", "population": 700},
            {"level": "departement", "code": "01001", "name": "B", "population": 900},
            {"level": "epci", "code": "200000001", "siren": "200000001", "population": 8},
        ],
        "imported_contacts": [
            {"external_id": "x1", "external_key": "key-x1", "email": "old@example.org"}
        ],
        "rejected_rows": [
            {
                "kind": "events",
                "verdict": "bad",
                "reason": "not_json",
                "detail": "secret",
                "original": b"secret",
                "original_size": 6,
            }
        ],
        "load_receipts": [
            {
                "kind": "events",
                "landing_file": "f",
                "landed_at": datetime(2025, 5, 1),
                "received": 5,
                "good": 4,
                "bad": 1,
                "duplicate": 0,
                "quarantined": 0,
            }
        ],
    }
