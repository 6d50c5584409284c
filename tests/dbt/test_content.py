"""Content: who is which persona, what is recommended to whom and why, and what sums must hold."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from models_ml.actions import ranking
from tests.dbt import worlds
from tests.dbt.content_oracle import Oracle, Row
from tests.dbt.lakehouse import Lakehouse
from workspace import definitions, warehouse
from workspace.definitions import Definitions
from workspace.definitions.store import table

AS_OF = worlds.AS_OF
MODELS = [
    "int_contact_traits",
    "int_contact_permissions",
    "contact_personas",
    "audiences",
    "path:models/intermediate/content",
    "content_performance",
    "content_channel_personas",
    "content_recommendations",
]
#: Relations above the content marts; the tests put rows straight into them.
UPSTREAM = {
    "contacts": "intermediate.int_contacts",
    "accounts": "marts.dim_accounts",
    "items": "marts.dim_content",
    "touches": "marts.fct_touchpoints",
    "consents": "marts.consent_states",
    "stages": "marts.buyer_stages",
}


def edited(folder: Path, *edits: tuple[str, str]) -> Definitions:
    """The shipped definitions with texts of content.yml and personas.yml replaced."""
    for name in ("verticals.yml", "content.yml", "personas.yml"):
        text = (worlds.MARKETING / name).read_text("utf-8")
        for old, new in edits:
            text = text.replace(old, new)
        (folder / name).write_text(text, "utf-8")
    return definitions.load(folder)


def build(house: Lakehouse, defined: Definitions, world: dict[str, list[Row]]) -> Lakehouse:
    crm = [
        {
            "crm_id": f"crm-{c['contact_id']}",
            "contact_key": f"key-{c['contact_id']}",
            "properties": worlds.json_text(age=c["age"]),
        }
        for c in world["contacts"]
    ]
    rows = table(defined.rows(), datetime(2000, 1, 1)).to_pylist()
    house.fill(as_of=AS_OF, parameters=rows, crm_contacts=crm)
    given = world | {
        "contacts": [
            {k: v for k, v in c.items() if k not in ("age", "account_type", "stage")}
            | {"contact_key": f"key-{c['contact_id']}", "account_id": f"at-{c['contact_id']}"}
            for c in world["contacts"]
        ],
        "stages": [{"contact_id": c["contact_id"], "stage": c["stage"]} for c in world["contacts"]],
        "accounts": [
            {
                "account_id": f"at-{c['contact_id']}",
                "vertical": c["vertical"],
                "account_type": c["account_type"],
            }
            for c in world["contacts"]
        ],
    }
    with duckdb.connect(str(house.path)) as connection:
        for name, relation in UPSTREAM.items():
            connection.execute(f"delete from {relation}")
            if given[name]:
                connection.register("given", pa.Table.from_pylist(given[name]))
                connection.execute(f"insert into {relation} by name from given")
                connection.unregister("given")
    return house.run(*MODELS)


def contact(name: str, **facts: Any) -> Row:
    plain = {
        "contact_id": name,
        "vertical": "public",
        "role": "legal",
        "language": "fr",
        "stage": "interest",
        "account_type": "commune",
        "age": None,
    }
    return plain | facts


def item(name: str, content_type: str, age_days: float = 10, **facts: Any) -> Row:
    plain = {
        "content_id": name,
        "content_type": content_type,
        "vertical": "public",
        "language": "fr",
        "topic": "conformité RGPD",
        "persona": None,
        "stage": "Interest",
        "status": "published",
        "published_at": AS_OF - timedelta(days=age_days),
        "url": None,
    }
    return plain | facts


def touch(n: int, who: str | None, what: str | None, age_days: float, **facts: Any) -> Row:
    at = AS_OF - timedelta(days=age_days)
    plain = {
        "touch_id": f"touch-{n:05}",
        "touch_type": "content_view",
        "occurred_at": at,
        "occurred_on": at.date(),
        "contact_id": who,
        "content_id": what,
        "channel": "direct",
        "actor_class": "human",
    }
    return plain | facts


def consent(who: str, purpose: str, channel: str, state: str = "granted") -> Row:
    return {
        "subject_id": who,
        "contact_id": who,
        "purpose": purpose,
        "channel": channel,
        "brand": "",
        "state": state,
    }


def granted(*names: str) -> list[Row]:
    both = (("profiling", "all"), ("newsletter", "email"))
    return [consent(name, *what) for name in names for what in both]


def told(house: Lakehouse, columns: str) -> list[tuple[Any, ...]]:
    return house.rows(
        f"select {columns} from marts.content_recommendations "
        "order by contact_id, recommendation_rank"
    )


@pytest.fixture
def house(tmp_path: Path, empty: Lakehouse) -> Lakehouse:
    return empty.copied(tmp_path)


def test_the_score_by_hand(house: Lakehouse, tmp_path: Path) -> None:
    """Anne never met anything: 0.3 stage + 0.2 persona + 0.1 freshness + 0.05 novelty. Bruno read
    the blog post 45 days ago and saw the video 90 days ago: topics 1/2 and 1/4, so cosines
    0.894427 and 0.447214, and half of his last touches were videos."""
    world = {
        "contacts": [contact("anne"), contact("bruno")],
        "items": [
            item("a", "regulatory_guide", 180, persona="legal"),
            item("b", "cctp_template", 360, topic="budget OPEX", persona="finance_director",
                 stage="Consideration"),
            item("c", "video", 90, topic="commande publique", stage="Awareness"),
            item("d", "blog_post", 50),
        ],
        "touches": [
            touch(1, "anne", None, 3, touch_type="session"),
            touch(2, "bruno", "d", 45),
            touch(3, "bruno", "c", 90),
        ],
        "consents": granted("anne", "bruno"),
    }  # fmt: skip
    defined = edited(tmp_path, ("exploration: 0.10", "exploration: 0"))
    build(house, defined, world)
    columns = "contact_id, content_id, score, reason_1, reason_2, propensity, allowed_items"
    found = told(house, columns)
    # d for Anne: 0.3 + 0.2 * (1 + 0.4) / 2 + 0.1 * 2 ** (-50 / 180) + 0.05
    blog = round(0.3 + 0.14 + 0.1 * 2 ** (-50 / 180) + 0.05, 9)
    assert found == [
        ("anne", "a", 0.6, "stage", "persona", 1, 4),
        ("anne", "d", blog, "stage", "persona", 1, 3),
        ("anne", "b", 0.31, "stage", "persona", 1, 2),
        ("bruno", "a", 0.778885438, "stage", "persona", 1, 3),
        ("bruno", "c", 0.365153397, "persona", "topic", 1, 2),
        ("bruno", "b", 0.31, "stage", "persona", 1, 1),
    ]
    assert [r[0] for r in told(house, "topic_fit") if r[0]] == pytest.approx(
        [2 / math.sqrt(5), 1 / math.sqrt(5)]
    )


def draw(seed: int, people: int = 60) -> dict[str, list[Row]]:
    """A lake that only the seed decides, with every reason for an item not to be shown."""
    rng = random.Random(seed)
    roles = {
        "public": ["legal", "finance_director", "elected_official", "unheard_of"],
        "medical": ["surgeon", "practice_manager", None],
    }
    topics = {
        "public": ["conformité RGPD", "budget OPEX", "mutualisation", None],
        "medical": ["facturation", "télésuivi", "something new", None],
    }
    contacts, consents = [], []
    for n in range(people):
        vertical = rng.choice(["public", "medical"])
        who = f"contact-{n:03}"
        contacts.append(
            contact(
                who,
                vertical=vertical,
                role=rng.choice(roles[vertical]),
                language=rng.choice(["fr", "fr", "fr", "fr-FR", "en", "de", None]),
                stage=rng.choice(["interest", "awareness", "retention", "purchase", "unaware"]),
                account_type=rng.choice(["commune", None]),
                age=rng.choice([39, 40, 25, None, "unknown"]),
            )
        )
        mostly = ["granted"] * 9
        consents.append(
            consent(who, "profiling", "all", rng.choice([*mostly, "withdrawn", "unproven"]))
        )
        purpose = rng.choice(["newsletter", "newsletter", "marketing", "events"])
        consents.append(consent(who, purpose, "email", rng.choice([*mostly, "suppressed"])))
        if rng.random() < 0.05:
            consents.append(consent(who, "all", rng.choice(["email", "sms"]), "withdrawn"))
    items = []
    types = ["blog_post", "blog_post", "video", "webinar", "case_study", "newsletter"]
    for n in range(90):
        vertical = rng.choice(["public", "medical", "medical", "public", None])
        items.append(
            item(
                f"item-{n:03}",
                rng.choice(types),
                rng.choice([-3, 0, 5, 5, 100, 400]),
                vertical=vertical,
                language=rng.choice(["fr", "fr", "fr", "en", None]),
                topic=rng.choice(topics[vertical or "public"]),
                persona=rng.choice(["legal", "surgeon", "elected_official", None]),
                stage=rng.choice(["Awareness", "interest", "Consideration", None]),
                status=rng.choice(["published"] * 6 + ["Publish", "retired", "draft", None]),
            )
        )
    types = ["content_view", "content_view", "content_view", "content_download", "webinar_register"]
    touches = []
    for n in range(people * 9):
        known = rng.random() < 0.85
        touches.append(
            touch(
                n,
                rng.choice(contacts[: people - 8])["contact_id"] if known else None,
                rng.choice([*(i["content_id"] for i in items[:30]), None, "nothing we have"]),
                rng.choice([rng.uniform(0.01, 400), rng.uniform(0.01, 70), 60, 60.01]),
                touch_type=rng.choice(types),
                channel=rng.choice(["direct", "email", "social"]),
                actor_class=rng.choice(["human", "human", "human", "unsure", "machine"]),
            )
        )
    return {"contacts": contacts, "items": items, "touches": touches, "consents": consents}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_marts_say_what_the_oracle_says(house: Lakehouse, tmp_path: Path, seed: int) -> None:
    world = draw(seed)
    defined = edited(
        tmp_path,
        ("exploration: 0.10", "exploration: 0.4"),
        ("target_roles: []", "target_roles: [legal]"),
        ("prior_views: 20", "prior_views: 2"),
        ("approved_content_types: []", "approved_content_types: [video]"),
    )
    build(house, defined, world)
    for person in world["contacts"]:
        person["age"] = person["age"] if isinstance(person["age"], int) else None
    oracle = Oracle(defined, AS_OF, **world)
    personas = dict(house.rows("select contact_id, persona from marts.contact_personas"))
    assert personas == oracle.personas
    assert len({*personas.values()}) >= 4 and None in personas.values()

    expected = [row for person in world["contacts"] for row in oracle.places(person)]
    columns = list(expected[0])
    found = [dict(zip(columns, row, strict=True)) for row in told(house, ", ".join(columns))]
    assert len(found) > 40
    assert sum(row["is_exploration"] for row in found) > 8
    for one, other in zip(found, expected, strict=True):
        numbers = ("score", "propensity")
        assert {k: v for k, v in one.items() if k not in numbers} == {
            k: v for k, v in other.items() if k not in numbers
        }
        for name in numbers:
            assert one[name] == pytest.approx(other[name], abs=2e-9)

    approvals = told(house, "content_type, needs_approval")
    assert {row for row in approvals} == {(kind, kind != "video") for kind, _ in approvals}
    _nothing_forbidden(found, world)
    _sums_tie(house, world, oracle)


def _nothing_forbidden(found: list[Row], world: dict[str, list[Row]]) -> None:
    library = {i["content_id"]: i for i in world["items"]}
    people = {c["contact_id"]: c for c in world["contacts"]}
    met = {
        (t["contact_id"], t["content_id"])
        for t in world["touches"]
        if t["actor_class"] != "machine" and t["occurred_at"] >= AS_OF - timedelta(days=60)
    }
    shown: dict[str, Counter[str]] = {}
    for row in found:
        thing, person = library[row["content_id"]], people[row["contact_id"]]
        assert (row["contact_id"], row["content_id"]) not in met
        assert thing["status"] in ("published", "Publish")
        assert thing["vertical"] == person["vertical"]
        assert person["language"].startswith(thing["language"])
        assert thing["published_at"] < AS_OF
        shown.setdefault(row["contact_id"], Counter())[thing["content_type"]] += 1
    assert max(max(types.values()) for types in shown.values()) == 2


def _sums_tie(house: Lakehouse, world: dict[str, list[Row]], oracle: Oracle) -> None:
    """Counts of content_performance and the edges against the touches themselves."""
    about = [t for t in world["touches"] if t["content_id"] in oracle.library]
    for period in ("month", "total"):
        found = house.rows(
            "select sum(touches), sum(human_touches), sum(machine_touches), sum(downloads) "
            f"from marts.content_performance where period = '{period}'"
        )
        human = [t for t in about if t["actor_class"] != "machine"]
        downloads = [t for t in human if t["touch_type"] == "content_download"]
        assert found == [(len(about), len(human), len(about) - len(human), len(downloads))]
    people = {
        content_id: len(
            {t["contact_id"] for t in oracle.about if t["content_id"] == content_id} - {None}
        )
        for content_id in oracle.library
    }
    assert people == dict(
        house.rows(
            "select content_id, contacts from marts.content_performance where period = 'total'"
        )
    )
    edges: Counter[tuple[str, str, str]] = Counter()
    for t in oracle.about:
        who = t["contact_id"]
        persona = "anonymous" if who is None else oracle.personas[who] or "other"
        edges[t["content_id"], t["channel"], persona] += 1
    rows = house.rows(
        "select content_id, channel, persona, human_touches, touch_share "
        "from marts.content_channel_personas"
    )
    assert {row[:3]: row[3] for row in rows} == dict(edges)
    shares: Counter[str] = Counter()
    for row in rows:
        shares[row[0]] += row[4]
    assert all(share == pytest.approx(1) for share in shares.values())


def test_exploration_is_as_large_as_said(house: Lakehouse, tmp_path: Path) -> None:
    """Of 600 contacts alike: a tenth of each place is drawn, evenly over what was allowed, and
    weighing by the propensities gives back what drawing alone would have shown."""
    names = [f"contact-{n:03}" for n in range(600)]
    items = [item(f"item-{n}", "video" if n % 2 else "webinar", n) for n in range(1, 7)]
    world = {
        "contacts": [contact(name) for name in names],
        "items": items,
        "touches": [touch(n, name, None, 5) for n, name in enumerate(names)],
        "consents": granted(*names),
    }
    build(house, edited(tmp_path, ("exploration: 0.10", "exploration: 0.5")), world)
    for place in (1, 2, 3):
        drawn, rows = house.rows(
            "select sum(is_exploration::int), count(*) from marts.content_recommendations "
            f"where recommendation_rank = {place}"
        )[0]
        assert rows == 600 and abs(drawn - 300) < 4 * math.sqrt(600 * 0.25)
    weighed = house.rows(
        "select content_id, sum(1 / propensity) / 6 from marts.content_recommendations "
        "where recommendation_rank = 1 group by 1"
    )
    # One in six of 600, seen through a draw of one in twelve.
    assert len(weighed) == 6
    assert all(abs(weight - 100) < 4 * 2 * math.sqrt(600 / 12) for _, weight in weighed)


def test_the_log_holds_all_that_the_first_place_was_chosen_from(
    house: Lakehouse, tmp_path: Path
) -> None:
    defined = edited(
        tmp_path,
        ("exploration: 0.10", "exploration: 0.4"),
        ("target_roles: []", "target_roles: [legal]"),
    )
    build(house, defined, draw(1))
    with warehouse.attached(house.path) as connection:
        log = pl.from_arrow(ranking.logged(connection, AS_OF.date(), AS_OF))
    told_of = {
        row[0]: row[1:]
        for row in house.rows(
            "select contact_id, content_id, propensity, allowed_items, is_exploration, score "
            "from marts.content_recommendations where recommendation_rank = 1"
        )
    }
    assert len(told_of) > 15 and any(row[3] for row in told_of.values())
    assert set(log["contact_id"]) == set(told_of)
    weights = defined.content.recommendations.weights.model_dump()
    best = log.filter(pl.Series(ranking.would_show(log, weights)))
    chosen = dict(best.select("contact_id", "content_id").iter_rows())
    for (who,), rows in log.group_by("contact_id"):
        content_id, propensity, allowed, explored, score = told_of[who]
        shown = rows.row(by_predicate=pl.col("is_shown"), named=True)
        assert (rows.height, shown["content_id"]) == (allowed, content_id)
        assert shown["propensity"] == pytest.approx(propensity)
        terms = {name: shown[column] for name, column in ranking.TERMS.items()}
        assert sum(weights[name] * terms[name] for name in terms) == pytest.approx(score)
        assert explored or chosen[who] == content_id


def test_what_follows_a_touch(house: Lakehouse, tmp_path: Path) -> None:
    """A form within 7 days, a meeting within 30, both half-open; too young a touch says nothing."""
    pairs = [
        ("form_in_time", 100, "form_submit", 93.01),
        ("form_late", 100, "form_submit", 93),
        ("form_before", 100, "form_submit", 100.01),
        ("met_in_time", 100, "demo_booked", 70.01),
        ("met_late", 100, "meeting", 70),
        ("met_young", 29, "meeting", 20),
        ("met_by_machine", 100, "meeting", 90),
    ]
    touches = []
    for n, (who, touched, kind, then) in enumerate(pairs):
        touches.append(touch(2 * n, who, "a", touched))
        actor = "machine" if who == "met_by_machine" else "human"
        touches.append(touch(2 * n + 1, who, None, then, touch_type=kind, actor_class=actor))
    world = {
        "contacts": [contact(who) for who, *_ in pairs],
        "items": [item("a", "video", 300), item("never_met", "video")],
        "touches": touches,
        "consents": [],
    }
    build(house, edited(tmp_path), world)
    found = house.rows(
        "select content_id, contacts, contacts_with_form, observed_contacts, "
        "contacts_with_meeting, round(form_rate, 6), round(meeting_rate, 6), action_rate "
        "from marts.content_performance where period = 'total' order by 1"
    )
    assert found == [
        ("a", 7, 1, 6, 1, round(1 / 7, 6), round(1 / 6, 6), 0),
        ("never_met", 0, 0, 0, 0, None, None, None),
    ]
    assert told(house, "*") == []  # nobody consented


def test_audiences_count_who_is_there(house: Lakehouse, tmp_path: Path) -> None:
    surgeon = {"vertical": "medical", "role": "surgeon", "account_type": "group_practice"}
    world = {
        "contacts": [
            contact("young", **surgeon, age=39),
            contact("older", **surgeon, age=40),
            contact("ageless", **surgeon),
            contact("official", role="elected_official"),
        ],
        "items": [],
        "touches": [],
        "consents": [*granted("young"), consent("older", "newsletter", "email")],
    }
    build(house, edited(tmp_path), world)
    found = house.rows(
        "select audience, contacts, accounts, profiled_contacts, reachable_contacts, "
        "expected_size, round(share_of_expected, 6) from marts.audiences "
        "where contacts > 0 order by audience"
    )
    assert found == [
        ("elected_officials", 1, None, 0, 0, None, None),
        ("group_practices", 3, 3, 1, 2, 1800, round(3 / 1800, 6)),
        ("young_surgeons", 1, None, 1, 1, 2500, 0.0004),
    ]
    evidence = house.rows(
        "select rule_id, evidence from marts.contact_personas where contact_id = 'young'"
    )
    assert evidence == [("surgeon_below_40", "vertical=medical role=surgeon age<40")]
