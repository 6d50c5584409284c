"""A published version that nobody's facts are in, with every mart that the read API answers from.

Columns are those of the API's own answers. What no column says otherwise is a value by its type,
empty in each eleventh row.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import duckdb
from pydantic import BaseModel

from reverse_etl.api.routes import (
    accounts,
    audit,
    campaigns,
    contacts,
    kpis,
    messages,
    scores,
    segments,
)
from reverse_etl.publish import Catalogue, Relation, publish
from workspace.clock import iso
from workspace.paths import Paths

AS_OF = datetime(2026, 10, 1)
VERTICALS = "['medical', 'public']"
_BY_TYPE = {
    str: "'word ' || (i % 7)",
    int: "(i % 50)::bigint",
    float: "(i * 37 % 1000) / 10.0",
    bool: "i % 2 = 0",
    datetime: "timestamp '2026-01-01' + interval 1 minute * (i * 7 % 390000)",
    date: "date '2026-01-01' + (i % 270)::integer",
    Decimal: "((i * 13 % 100000) / 4)::decimal(18, 4)",
}
_PARTS = '\'[{"feature": "touches_90d", "value": \' || (i % 40) || \', "contribution": 0.25}]\''
_CONTACT = "md5('contact ' || i)"
_ACCOUNT = "md5('account ' || i // 3)"
_VERTICAL = f"{VERTICALS}[i // 3 % 2 + 1]"

#: Mart -> its row, how many rows of so many contacts, columns that are said, columns that are none.
_MARTS: dict[str, tuple[type[BaseModel], str, dict[str, str], set[str]]] = {
    "contact_features": (
        contacts.Contact,
        "{n}",
        {
            "contact_id": _CONTACT,
            "account_id": _ACCOUNT,
            "vertical": _VERTICAL,
            "lead_band": "['hot', 'warm', 'cool', 'cold'][i % 4 + 1]",
        },
        {"segments"},
    ),
    "segment_memberships": (
        segments.Member,
        "{n} * 2",
        {
            "contact_id": "md5('contact ' || i // 2)",
            "segment": "'segment_' || case when i % 2 = 0 then i // 2 % 20 else 20 + i % 3 end",
            "account_id": "md5('account ' || i // 6)",
            "vertical": "null::varchar",
        },
        set(),
    ),
    "marketing_segments": (
        segments.Segment,
        "23",
        {"segment": "'segment_' || i", "version_number": "1", "is_current": "true"},
        set(),
    ),
    "segment_counts": (
        segments.Reach,
        "46",
        {
            "segment": "'segment_' || i // 2",
            "purpose": "['newsletter', 'events'][i % 2 + 1]",
            "channel": "'email'",
        },
        set(),
    ),
    "next_best_actions": (
        contacts.Action,
        "{n} // 2",
        {
            "contact_id": "md5('contact ' || i * 2)",
            "contributions": '\'{"trials_90d": -0.35, "mails_90d": 0.2}\'',
        },
        set(),
    ),
    "content_recommendations": (
        contacts.Content,
        "{n} // 2 * 3",
        {
            "contact_id": "md5('contact ' || i // 3 * 2)",
            "recommendation_rank": "(i % 3 + 1)::integer",
            "content_id": "'item ' || i % 1000",
        },
        set(),
    ),
    "predictions": (
        scores.Score,
        "{n} * 2 + {n} // 3",
        {
            "model": "case when i < {n} then 'engagement' when i < {n} * 2 then 'conversion' "
            "else 'churn' end",
            "subject_type": "case when i < {n} * 2 then 'contact' else 'account' end",
            "subject_id": "case when i < {n} * 2 then md5('contact ' || i % {n}) "
            "else md5('account ' || i - {n} * 2) end",
            "contributions": _PARTS,
            "vertical": _VERTICAL,
        },
        set(),
    ),
    "account_features": (
        accounts.Account,
        "{n} // 3",
        {"account_id": "md5('account ' || i)", "vertical": f"{VERTICALS}[i % 2 + 1]"},
        set(),
    ),
    "account_coverage": (
        accounts.Coverage,
        "{n} // 6",
        {"account_id": "md5('account ' || i * 2)"},
        set(),
    ),
    "account_engagement": (
        accounts.Engagement,
        "{n} // 6",
        {"account_id": "md5('account ' || i * 2)"},
        set(),
    ),
    "message_queue": (
        messages.Message,
        "{n}",
        {
            "intent_id": "md5('intent ' || i)",
            "contact_id": "md5('contact ' || i // 3)",
            "intended_at": "timestamp '2026-06-01' + interval 1 hour * (i % 3 // 2)",
            "channel": "['email', 'sms'][i % 2 + 1]",
        },
        {"gate_text", "is_final", "is_unreachable"},
    ),
    "campaigns": (
        campaigns.Campaign,
        "40",
        {"campaign": "'campaign_' || i", "vertical": f"{VERTICALS}[i % 2 + 1]"},
        set(),
    ),
    "campaign_scorecard": (campaigns.Card, "39", {"campaign": "'campaign_' || i"}, set()),
    "kpi_monthly": (
        kpis.Kpi,
        "68 * 3 * 3 * 24",
        {
            "metric": "'metric_' || i % 68",
            "vertical": "['company', 'medical', 'public'][i // 68 % 3 + 1]",
            "metric_window": "['month', 'ytd', 'trailing_12m'][i // 204 % 3 + 1]",
            "month": "(date '2024-10-01' + to_months((i // 612)::integer))::date",
        },
        set(),
    ),
    "audit_logs": (
        audit.Entry,
        "2000",
        {"position": "i + 1", "digest": "sha256('entry ' || i)", "action": "'action_' || i % 5"},
        set(),
    ),
}
#: What the macro `attribution` reads, and the credits of a run.
_ATTRIBUTION = """
create table marts.why_not_sent as
    select intent_id, 'a cap is full' as gate_text, true as is_final, false as is_unreachable
    from marts.message_queue where hash(intent_id) % 2 = 0;
create table marts.attribution_models as
    select unnest(['first', 'last', 'last_non_direct', 'linear', 'time_decay']) as model,
        '{{}}' as parameters
    union all select 'position', '{{"first": 0.4, "last": 0.4, "middle": 0.2}}'
    union all
    select 'w_shaped', '{{"first": 0.3, "lead": 0.3, "opportunity": 0.3, "rest": 0.1}}';
create table marts.attribution_roi as select 'EUR' as currency;
create table marts.attribution_touchpoints as
    select
        'conversion ' || i // 5 as conversion_id, 'touch ' || i as touch_id, 'deal_won' as goal,
        ['medical', 'public'][i // 5 % 2 + 1] as vertical, 'unit ' || i // 5 as unit_id,
        md5('contact ' || i) as contact_id, 'session' as touch_type,
        ['email', 'organic', 'paid_search', 'direct'][i * 7 % 4 + 1] as channel,
        'name' as campaign,
        case when i % 3 > 0 then 'ads/' || i % 60 end as campaign_id,
        timestamp '2026-01-01' + interval 12 hour * (i // 5 * 37 % 500) as converted_at,
        converted_at - interval 1 day * ((4 - i % 5) * 20 + 1) as touched_at,
        converted_at::date as converted_on,
        ((4 - i % 5) * 20 + 1)::double as age_days,
        case when i % 5 > 0 then ((5 - i % 5) * 20 + 1)::double end as previous_age_days,
        1.0::double as last_age_days, 1.0::double as last_non_direct_age_days,
        4 - i % 5 as touches_after, i % 5 = 4 as is_last_non_direct, i % 5 = 1 as is_lead_touch,
        i % 5 = 2 as is_opportunity_touch, i // 5 % 3 = 0 as is_new_customer,
        (i // 5 % 900 + 100)::decimal(18, 4) as revenue, revenue as revenue_base, 'EUR' as currency
    from range({n} // 4) as t(i);
create table marts.attribution_credits as
    select
        unnest(['markov', 'shapley', 'linear']) as model, goal, vertical, channel, campaign_id,
        converted_on, 0.2::double as weight, (revenue / 5)::decimal(18, 4) as credit_base,
        is_new_customer
    from marts.attribution_touchpoints;
"""


def fill(warehouse: Path, contacts: int) -> list[str]:
    """Make the marts of so many contacts; their names."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts")
        for name, (row, count, said, without) in _MARTS.items():
            made = {**{n: _value(f.annotation) for n, f in row.model_fields.items()}, **said}
            listed = ", ".join(f"{sql} as {n}" for n, sql in made.items() if n not in without)
            connection.execute(
                f"create table marts.{name} as "
                + f"select {listed} from range({count}) as t(i)".replace("{n}", str(contacts))
            )
        connection.execute(_ATTRIBUTION.format(n=contacts))
        found = connection.execute("select table_name from duckdb_tables()").fetchall()
        return [name for (name,) in found]


def published(paths: Paths, contacts: int, at: datetime = AS_OF) -> Path:
    """Fill a warehouse anew and publish it; the folder of the version."""
    paths.warehouse.unlink(missing_ok=True)
    names = fill(paths.warehouse, contacts)
    catalogue = Catalogue([Relation("marts", name, "Synthetic.") for name in names])
    return publish(paths.warehouse, paths, catalogue, at, {"as_of": iso(AS_OF)}).folder


def _value(annotation: Any) -> str:
    """An expression of a field's type."""
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    kind = kinds[0]
    while get_origin(kind) is Annotated or get_origin(annotation) is Annotated:
        kind = get_args(kind if get_origin(kind) is Annotated else annotation)[0]
        annotation = kind
    value = _BY_TYPE.get(kind, "null::varchar")
    return f"case when i % 11 > 0 then {value} end" if type(None) in get_args(annotation) else value
