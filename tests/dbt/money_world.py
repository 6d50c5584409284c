"""A drawn lake of costs, contracts, leads, events and content, with every awkward case in it."""

from __future__ import annotations

import random
from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Any

from tests.dbt import worlds
from tests.dbt.worlds import Streams, company, contract, cost, json_text

#: The pie of the documents, in thousands, and the sales costs beside it.
PIE = {
    "medical_congresses": 25,
    "direct_sales_team": 45,
    "digital": 13,
    "partnerships": 15,
    "referral": 5,
    "content": 8,
    "webinars_events": 5,
}
SOURCES = ["ORGANIC_SEARCH", "paid_search", "OFFLINE", "REFERRALS", "SOMETHING_NEW", None]
PARTNERS = [None, None, "AMF", " Association des maires de France ", "Chez Paul"]


def draw(seed: int) -> Streams:
    """A lake that only this seed decides."""
    rng = random.Random(seed)
    return {
        "parameters": worlds.parameters(),
        "costs": _costs(rng),
        **_crm(rng),
        "ad_spend": _ad_spend(rng),
        "fx_rates": [
            {
                "base_currency": "EUR",
                "currency": "GBP",
                "rate_on": date(2025, 1, 1) + timedelta(7 * n),
                "rate": "1.2",
            }
            for n in range(90)
        ],
        "attendees": _attendees(rng),
        "content_items": _content(rng),
    }


def month_end(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _costs(rng: random.Random) -> list[dict[str, Any]]:
    found = []
    for n, month in enumerate(worlds.months_of_year_1()):
        for line, thousands in PIE.items():
            whole = thousands * 1_000
            planned = whole // 12 + (whole % 12 if n == 11 else 0)
            channel = "paid_media" if line == "digital" else line
            shared = {"channel": channel}
            found.append(
                cost("medical", month, line, "marketing", planned, scenario="budget", **shared)
            )
            if rng.random() < 0.9:  # some months are never booked
                amount = round(planned * rng.uniform(0.5, 1.5), 2)
                found.append(cost("medical", month, line, "marketing", amount, **shared))
        found.append(cost("medical", month, "sales_salaries", "sales", 12_500))
    # Planned in one class, booked in another; booked once; a currency without a rate.
    found.append(cost("public", date(2025, 2, 1), "stand", "marketing", 10, scenario="budget"))
    found.append(cost("public", date(2025, 2, 1), "stand", "sales", 11))
    found.append(cost("public", date(2025, 4, 1), "party", "other", 12))
    found.append(cost("public", date(2025, 6, 1), "stand", "sales", 13, currency="XAF"))
    return found


def _crm(rng: random.Random) -> Streams:
    companies, contacts, deals = [], [], []
    for vertical in ("medical", "public"):
        for n in range(40):
            key = f"{vertical}-{n}"
            companies.append(company(key, vertical))
            for person in range(rng.randint(1, 2)):
                contacts.append(_contact(rng, key, person, vertical))
            starts_on = date(2024, 10, 1) + timedelta(rng.randrange(500))
            for episode in range(rng.randint(0, 3)):
                length = timedelta(rng.randrange(5, 300))
                ends_on = starts_on + length if rng.random() < 0.6 else None
                deal = contract(
                    f"{key}-{episode}",
                    key,
                    rng.choice([10, 20, 30]),
                    starts_on,
                    ends_on,
                    pipeline=f"{vertical}_sales",
                    currency=rng.choice(["EUR", "EUR", "GBP"]),
                    contact_crm_id=f"{key}-p0",
                )
                deals.append(
                    deal
                    | {
                        "amount": deal["mrr"] * 12,
                        "properties": json_text(partner=rng.choice(PARTNERS)),
                    }
                )
                starts_on += timedelta(rng.randrange(10, 200))
    return {"crm_companies": companies, "crm_contacts": contacts, "crm_deals": deals}


def _contact(rng: random.Random, company_id: str, number: int, vertical: str) -> dict[str, Any]:
    created_at = datetime(2024, 9, 1) + timedelta(hours=rng.randrange(24 * 400))
    return {
        "crm_id": f"{company_id}-p{number}",
        "contact_key": f"key-{company_id}-p{number}",
        "created_at": created_at,
        "email": f"{company_id}-p{number}@example.org",
        "email_key": f"email-{company_id}-p{number}",
        "company_crm_id": company_id,
        "vertical": vertical,
        "lead_source": rng.choice(SOURCES),
        "properties": json_text(
            hs_lifecyclestage_lead_date=created_at.isoformat() + "Z",
            partner=rng.choice(PARTNERS),
            hs_analytics_source_data_1=rng.choice([None, "Spring", "8", "nothing"]),
        ),
    }


def _ad_spend(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "platform": platform,
            "account_id": "1",
            "campaign_id": campaign_id,
            "campaign_name": name,
            "vertical": vertical,
            "spend_on": date(2025, 1, 1) + timedelta(rng.randrange(400)),
            "spend": spend,
            "currency": currency,
            "impressions": rng.randrange(1000),
            "clicks": rng.randrange(50),
        }
        for platform, campaign_id, name, vertical, currency in (
            ("google_ads", "7", "Spring", "medical", "EUR"),
            ("linkedin_ads", "8", "Autumn", "public", "GBP"),
            ("unheard_of", "9", "Winter", None, "EUR"),
        )
        for spend in {rng.randrange(1, 500) for _ in range(30)}
    ]


def _attendees(rng: random.Random) -> list[dict[str, Any]]:
    found = []
    for n in range(8):
        starts_on = date(2024, 11, 1) + timedelta(60 * n)
        event = {
            "event_key": f"event-{n}",
            "event_name": f"Event {n}",
            "event_type": rng.choice(["congress", "webinar", "party"]),
            "vertical": "medical",
            "starts_on": starts_on,
            "ends_on": starts_on + timedelta(1),
        }
        found.append(event)
        for person in rng.sample(range(40), 12):
            address = f"email-medical-{person}-p0" if person < 35 else f"stranger-{person}"
            known_at = datetime.combine(starts_on, datetime.min.time()) - timedelta(9)
            listed = event | {"email": "x", "email_key": address}
            found.append(listed | {"status": "registered", "known_at": known_at})
            if rng.random() < 0.8:
                status = rng.choice(["attended", "attended", "no_show"])
                found.append(listed | {"status": status, "known_at": known_at + timedelta(11)})
    return found


def _content(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "content_id": f"item-{n}",
            "vertical": rng.choice(["medical", "public", None]),
            "channel": channel,
            "content_type": content_type,
            "status": rng.choice(["published", "published", "retired", "draft"]),
            "published_at": datetime(2024, 9, 20) + timedelta(hours=rng.randrange(24 * 750)),
        }
        for n, (channel, content_type) in enumerate(
            [("blog", "blog_post"), ("email", "newsletter"), ("email", "email_tip")] * 60
        )
    ]
