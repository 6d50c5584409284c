"""Small inputs in the sources' formats, written as files a user could have."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

# Year 1 of the plan: October 2024 to September 2025.
YEAR = [date(2024, 10, 1), date(2024, 11, 1), date(2024, 12, 1)] + [
    date(2025, month, 1) for month in range(1, 10)
]


def ndjson(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def csv(path: Path, header: str, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def costs(path: Path, year_end: str = "2025-09-30T00:00:00Z") -> Path:
    """Year 1: medical 116,000 and 150,000, public 80,000 and 120,000, in twelve equal months."""
    yearly = {
        ("medical", "marketing", "marketing"): 116_000,
        ("medical", "sales", "sales"): 150_000,
        ("public", "marketing", "marketing"): 80_000,
        ("public", "sales", "sales"): 120_000,
    }
    rows = []
    for (vertical, line, cost_class), total in yearly.items():
        spent = 0.0
        for n, month in enumerate(YEAR, 1):
            amount = round(total * n / 12, 2) - spent
            spent += amount
            rows.append(
                f"{vertical},{month:%Y-%m},{line},actual,{cost_class},,{amount:.2f},EUR,{year_end}"
            )
    header = "vertical,cost_month,line,scenario,cost_class,channel,amount,currency,known_at"
    return csv(path, header, rows)


def companies(path: Path, counts: dict[str, int]) -> Path:
    return ndjson(
        path,
        [
            _hubspot(
                f"{vertical}-{n}",
                datetime(2024, 10, 1),
                {"name": f"Account {n}", "domain": f"{vertical}{n}.example", "vertical": vertical},
            )
            for vertical, count in counts.items()
            for n in range(count)
        ],
    )


WON = {
    "medical": ("medical_sales", "contract_signed", 500),
    "public": ("public_sales", "approved_signed", 300),
}


def contact_with_odd_dates(path: Path) -> Path:
    """Dates that a CRM takes as free text: out of every range, or not dates at all."""
    odd = ["99999999999999999", "9000000000000000", "0001-01-01T00:00:00Z", "2026", "soon"]
    stages = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
    dates = {f"hs_lifecyclestage_{s}_date": text for s, text in zip(stages, odd, strict=True)}
    return ndjson(path, [_hubspot("odd", datetime(2025, 2, 1), {"email": "o@x.example", **dates})])


def deals(path: Path, counts: dict[str, int], months: list[date] = YEAR) -> Path:
    """Won deals, spread over the months; one company each."""
    rows = []
    for vertical, count in counts.items():
        pipeline, stage, mrr = WON[vertical]
        for n in range(count):
            month = months[n % len(months)]
            won = datetime(month.year, month.month, 10 + n % 15, 12)
            row = _hubspot(
                f"deal-{vertical}-{n}",
                won,
                {
                    "dealname": f"Deal {n}",
                    "pipeline": pipeline,
                    "dealstage": stage,
                    "dealtype": "newbusiness",
                    "amount": str(mrr * 12),
                    "hs_mrr": str(mrr),
                    "deal_currency_code": "EUR",
                    "closedate": _z(won),
                    "contract_start_date": f"{won:%Y-%m-%d}",
                    f"hs_v2_date_entered_{stage}": _z(won),
                },
            )
            row["associations"] = {
                "companies": {"results": [{"id": f"{vertical}-{n}", "type": "deal_to_company"}]}
            }
            rows.append(row)
    return ndjson(path, rows)


def events(path: Path, count: int, start: datetime = datetime(2025, 3, 1), first: int = 0) -> Path:
    """Page views of a few users, half an hour apart, received a second later."""
    rows = []
    for n in range(first, first + count):
        at = start + timedelta(minutes=30 * n)
        rows.append(
            {
                "messageId": f"m-{n}",
                "type": "page",
                "name": "Home",
                "userId": f"u-{n % 7}",
                "anonymousId": f"a-{n % 11}",
                "timestamp": _z(at),
                "receivedAt": _z(at + timedelta(seconds=1)),
                "context": {
                    "page": {"url": "https://www.chirurgieprox.example/p?x=1", "path": "/p"}
                },
                "properties": {"n": n},
            }
        )
    return ndjson(path, rows)


def _hubspot(crm_id: str, at: datetime, properties: dict) -> dict:
    return {
        "id": crm_id,
        "properties": properties,
        "createdAt": _z(at),
        "updatedAt": _z(at),
        "archived": False,
    }


def _z(time: datetime) -> str:
    return time.isoformat() + "Z"
