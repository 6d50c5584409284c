"""Contacts with drawn touches, in place of those of a literal lake, and their scores."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import duckdb

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.scores_oracle import Touch
from workspace.definitions.touchpoints import TOUCH_TYPES

AT = worlds.AS_OF
#: The models that touches and fields decide.
MODELS = (
    *("engagement_scores", "int_lead_touch_points", "int_lead_field_points"),
    *("int_lead_totals", "int_lead_qualified", "lead_scores", "lead_score_contributions"),
    *("int_stage_evidence", "buyer_stages", "int_engaged_contacts", "account_engagement"),
)


def drawn_in(busy: Lakehouse, folder: Path, seed: int) -> tuple[Lakehouse, dict[str, list[Touch]]]:
    """A copy of a lake whose contacts have drawn touches, scored, and the touches by contact."""
    house = busy.copied(folder)
    contacts = [
        row[0] for row in house.rows("select contact_id from marts.dim_contacts order by 1")
    ]
    drawn = draw(contacts, seed)
    with duckdb.connect(str(house.path)) as connection:
        connection.execute("delete from marts.fct_touchpoints; delete from marts.fct_emails")
        connection.execute("delete from marts.dim_content")
        # Nothing but touches: no contract and no deal keeps anybody in a stage.
        connection.execute("delete from intermediate.int_contracts; delete from marts.fct_deals")
        # Contacts of any size and role.
        connection.execute(
            "update intermediate.int_contacts set role = case rowid % 3 when 0 "
            "then 'finance_director' when 1 then 'legal' end"
        )
        connection.execute(
            "update marts.dim_accounts set population = case rowid % 4 when 0 then 50000 "
            "when 1 then 49999 when 2 then 0 end"
        )
        connection.executemany(
            "insert into marts.dim_content (content_id, topic) values (?, ?)",
            [(f"content-{topic}", topic) for topic in "abcdef"],
        )
        connection.executemany(
            "insert into marts.fct_touchpoints "
            "(touch_id, contact_id, touch_type, occurred_at, channel, content_id, depth, "
            "actor_class) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(t.touch_id, contact, t.touch_type, t.at, t.channel),
                    *(t.topic and f"content-{t.topic}", t.depth, t.actor_class),
                )
                for contact, path in drawn.items()
                for t in path
            ],
        )
    return house.run(*MODELS), drawn


def draw(contacts: list[str], seed: int) -> dict[str, list[Touch]]:
    """Busy and idle contacts; moments on the edge of windows among them."""
    rng = random.Random(seed)
    edges = [1, 2, 3, 60, 90, 180]
    drawn: dict[str, list[Touch]] = {}
    for number, contact in enumerate(contacts):
        drawn[contact] = [
            Touch(
                f"{contact}-{n}",
                rng.choice(TOUCH_TYPES),
                AT
                - timedelta(
                    days=rng.choice(edges) if rng.random() < 0.2 else rng.uniform(0.01, 250)
                ),
                rng.choice(["direct", "email", "social", "events", "webinar", "unknown"]),
                rng.choice([None, "a", "b", "c", "d", "e", "f"]),
                round(rng.random(), 3),
                rng.choice(["human", "human", "unsure", "machine"]),
            )
            for n in range(rng.choice([0, 1, 3, 12, 40]) if number else 0)
        ]
    return drawn
