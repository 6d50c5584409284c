"""What docs/segments.md says of conditions, each with the members it must have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from reverse_etl.segments import comparing, evaluator
from reverse_etl.segments.evaluator import Evaluator, plain
from tests.reverse_etl.segments.definitions import random_segments, segment_of
from tests.reverse_etl.segments.worlds import (
    FIELDS,
    MICROSECOND,
    T,
    World,
    random_world,
    world_of,
)
from workspace.definitions.segments import Segment

DAY = timedelta(days=1)
EVENT = {"message_type": "track", "event": "E", "contact_id": "c", "actor_class": "human"}


def evaluated(world: World, **definitions: dict[str, Any]) -> Evaluator:
    segments: dict[str, Segment] = {}
    for key, definition in definitions.items():
        segments[key] = segment_of(definition, world.fields, set(segments))
    return Evaluator(world.tables, world.fields, segments, world.as_of)


def members(world: World, where: dict[str, Any], **segment: Any) -> str:
    """Ids of the members, in order."""
    found = evaluated(world, asked={"where": where, **segment})
    return " ".join(sorted(found.members("asked")))


def contacts_with(column: str, **values: Any) -> World:
    rows = [{"contact_id": key, column: value} for key, value in values.items()]
    return world_of(contact_features=rows)


def happened(*rows: dict[str, Any], table: str = "fct_events") -> World:
    """Contacts c and d of the accounts a and b, and rows that add to ``EVENT``."""
    told = [{"message_id": f"m{n}", **EVENT, **row} for n, row in enumerate(rows)]
    columns = evaluator.COLUMNS[table]
    return world_of(
        contact_features=[
            {"contact_id": "c", "account_id": "a"},
            {"contact_id": "d", "account_id": "b"},
        ],
        account_features=[{"account_id": "a"}, {"account_id": "b"}],
        **{table: [{k: v for k, v in row.items() if k in columns} for row in told]},
    )


def does(world: World, **leaf: Any) -> bool:
    """Whether c meets a leaf about events."""
    return "c" in members(world, {"event": "E", **leaf} if "touch" not in leaf else leaf).split()


# -- fields ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"is": "été"}, "accent"),
        ({"is_not": "été"}, "blank capital empty plain"),
        ({"in": ["été", "Été"]}, "accent capital"),
        ({"not_in": ["été", "Été"]}, "blank empty plain"),
        ({"contains": "t"}, "accent capital plain"),
        ({"starts_with": "é"}, "accent"),
        ({"ends_with": "té"}, "accent capital"),
        ({"is": ""}, "empty"),
        ({"is_known": True}, "accent blank capital empty plain"),
        ({"is_known": False}, "missing"),
    ],
)
def test_texts(comparison: dict[str, Any], expected: str) -> None:
    world = contacts_with(
        "country", accent="été", capital="Été", plain="ete", empty="", blank=" ", missing=None
    )
    assert members(world, {"field": "contact.country", **comparison}) == expected


@pytest.mark.parametrize("text", ["100%", "a_b", "a\\b", "it's", '"', "a.b", "[a]", "$1", "a\0b"])
def test_texts_are_no_patterns(text: str) -> None:
    world = contacts_with("country", same=f"x{text}", other="100 axb a/b its a", none="")
    for operator in ("contains", "ends_with"):
        assert members(world, {"field": "contact.country", operator: text}) == "same"


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"is": 60}, "sixty"),
        ({"is": 60.0}, "sixty"),
        ({"is_not": 60}, "less zero"),
        ({"in": [60, 0]}, "sixty zero"),
        ({"not_in": [60, 0]}, "less"),
        ({"at_least": 59.9}, "less sixty"),
        ({"above": 59.9}, "sixty"),
        ({"at_most": 59.9}, "less zero"),
        ({"below": 59.9}, "zero"),
        ({"at_least": 59.9, "below": 60}, "less"),
        ({"above": 59.9, "at_most": 60}, "sixty"),
        ({"is_known": False}, "missing"),
    ],
)
def test_numbers(comparison: dict[str, Any], expected: str) -> None:
    world = contacts_with("engagement_score", less=59.9, sixty=60.0, zero=0.0, missing=None)
    assert members(world, {"field": "contact.engagement_score", **comparison}) == expected
    assert members(world, {"score": "engagement", **comparison}) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"is": 0.3}, "three"),
        ({"in": [0.3, 0.30001]}, "three"),
        ({"is": 0.30001}, ""),
        ({"not_in": [0.30001]}, "large next three"),
        ({"at_least": 0.30000000000000004}, "large next"),
        ({"above": 0.30001}, "large next"),
        ({"at_most": 0.30001}, "three"),
        ({"below": 0.30001}, "three"),
        ({"below": 0.3}, ""),
        ({"is": 12345678901234.568}, ""),
        ({"at_least": 1e15}, ""),
        ({"below": 1e-300}, ""),
    ],
)
def test_amounts_are_exact(comparison: dict[str, Any], expected: str) -> None:
    amounts = {"three": "0.3000", "next": "0.3001", "large": "12345678901234.5678"}
    world = contacts_with("order_revenue_base", **{k: Decimal(v) for k, v in amounts.items()})
    assert members(world, {"field": "contact.order_revenue_base", **comparison}) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"is": True}, "yes"),
        ({"is": False}, "no"),
        ({"is_known": True}, "no yes"),
    ],
)
def test_booleans(comparison: dict[str, Any], expected: str) -> None:
    world = contacts_with("has_email", yes=True, no=False, missing=None)
    assert members(world, {"field": "contact.has_email", **comparison}) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"within_days": 7}, "early late"),
        ({"within_days": 7, "older_than_days": 1}, "early"),
        ({"older_than_days": 1}, "before early"),
        ({"older_than_days": 7}, "before"),
        ({"within_days": 0.5}, "late"),
        ({"at_least": date(2026, 3, 15)}, "after late now"),
        ({"below": date(2026, 3, 15)}, "before early"),
        ({"is_known": False}, "missing"),
    ],
)
def test_times(comparison: dict[str, Any], expected: str) -> None:
    world = contacts_with(
        "created_at",
        before=T - 7 * DAY - MICROSECOND,
        early=T - 7 * DAY,
        late=T - MICROSECOND,
        now=T,
        after=T + DAY,
        missing=None,
    )
    assert members(world, {"field": "contact.created_at", **comparison}) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"at_least": date(2026, 3, 8)}, "eighth fifteenth sixteenth"),
        ({"above": date(2026, 3, 8)}, "fifteenth sixteenth"),
        ({"at_most": date(2026, 3, 15)}, "eighth fifteenth"),
        # T is half past ten: the midnight of the 8th is more than 7 days before.
        ({"within_days": 7}, "fifteenth"),
        ({"within_days": 8}, "eighth fifteenth"),
        ({"older_than_days": 7}, "eighth"),
    ],
)
def test_dates_are_their_midnight(comparison: dict[str, Any], expected: str) -> None:
    days = {"eighth": 8, "fifteenth": 15, "sixteenth": 16}
    rows = [
        {"account_id": key, "contract_ends_on": date(2026, 3, day)} for key, day in days.items()
    ]
    world = world_of(account_features=[*rows, {"account_id": "missing"}])
    leaf = {"field": "account.contract_ends_on", **comparison}
    assert members(world, leaf, unit="account") == expected


def test_a_time_compared_with_a_date_is_compared_with_its_midnight() -> None:
    midnight = datetime(2026, 3, 8)
    world = contacts_with("created_at", at=midnight, after=midnight + MICROSECOND)
    for operator, expected in (("at_most", "at"), ("above", "after"), ("at_least", "after at")):
        leaf = {"field": "contact.created_at", operator: date(2026, 3, 8)}
        assert members(world, leaf) == " ".join(sorted(expected.split()))


def test_a_missing_value_makes_a_comparison_false_and_its_not_true() -> None:
    world = contacts_with("country", known="FR", missing=None)
    for comparison in ({"is": "DE"}, {"is_not": "FR"}, {"not_in": ["FR"]}, {"contains": "x"}):
        leaf = {"field": "contact.country", **comparison}
        assert members(world, leaf) == ""
        assert members(world, {"not": leaf}) == "known missing"
        assert members(world, {"not": {"not": leaf}}) == ""
        assert members(world, {"not": {"all": [leaf, leaf]}}) == "known missing"
        assert members(world, {"any": [leaf, {"not": leaf}]}) == "known missing"


def test_all_any_and_not_nest() -> None:
    world = contacts_with("orders", one=1, two=2, three=3)
    some = {"field": "contact.orders", "in": [1, 2]}
    more = {"field": "contact.orders", "at_least": 2}
    assert members(world, {"all": [some, more]}) == "two"
    assert members(world, {"any": [some, more]}) == "one three two"
    assert members(world, {"all": [some, {"not": {"any": [more]}}]}) == "one"
    deep: dict[str, Any] = some
    for _ in range(98):
        deep = {"not": deep}
    assert members(world, deep) == "one two"


def test_fields_of_the_account_of_a_contact() -> None:
    world = world_of(
        contact_features=[
            {"contact_id": "in_fr", "account_id": "fr"},
            {"contact_id": "of_none"},
            {"contact_id": "of_unknown", "account_id": "gone"},
        ],
        account_features=[{"account_id": "fr", "country": "FR"}],
    )
    assert members(world, {"field": "account.country", "is": "FR"}) == "in_fr"
    unknown = {"field": "account.country", "is_known": False}
    assert members(world, unknown) == "of_none of_unknown"


def test_scores() -> None:
    world = world_of(
        contact_features=[
            {
                "contact_id": "c",
                "account_id": "a",
                "engagement_score": 1.0,
                "lead_score": 2.0,
                "churn_score": 3.0,
                "p_engage_7d": 0.4,
            }
        ],
        account_features=[{"account_id": "a", "engagement_score": 5.0, "churn_score": 6.0}],
    )
    of_contacts = dict(engagement=1, lead=2, account_engagement=5, churn=3, p_engage_7d=0.4)
    for score, value in of_contacts.items():
        assert members(world, {"score": score, "is": value}) == "c", score
    for score, value in dict(engagement=5, account_engagement=5, churn=6).items():
        assert members(world, {"score": score, "is": value}, unit="account") == "a", score


# -- properties -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" 7 ", 7),
        ("+5", 5),
        ("-0.5", -0.5),
        ("1e3", 1000),
        ("1E+3", 1000),
        ("5e-1", 0.5),
        ("007", 7),
        ("1e15", 1e15),
        ("-1e15", -1e15),
        ("1e-400", 0),
        *((text, None) for text in ("12abc", "NaN", "inf", "1e400", "", " ", "1_000", "０", "١")),
        *((text, None) for text in ("0x10", "1,5", "1 000", "--1", "1e", ".5", "5.", "1e1.5", "+")),
        *((text, None) for text in ("7\n", "\t7", "1000000000000001", "-1.1e15", "true")),
    ],
)
def test_numbers_in_properties(text: str, number: float | None) -> None:
    assert comparing.number_of(text) == number
    world = world_of(
        contact_features=[{"contact_id": "c"}],
        field_values=[
            {"owner": "contact", "owner_id": "c", "property": "p_number", "value": text},
            {"owner": "account", "owner_id": "c", "property": "p_number", "value": "1"},
        ],
    )
    field = {"field": "contact.p_number"}
    assert members(world, {**field, "is_known": False}) == ("c" if number is None else "")
    assert members(world, {**field, "is": number or 0}) == ("" if number is None else "c")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-15T10:30:00Z", T),
        ("2026-03-15T10:30:00", T),
        ("2026-03-15 10:30", T),
        ("2026-03-15T12:30:00.000001+02:00", T + MICROSECOND),
        ("2026-03-15", datetime(2026, 3, 15)),
        ("1773570600000", T),
        *((text, None) for text in ("2026-02-30", "soon", "", "2026", "12-03-2026", "1500-01-01")),
    ],
)
def test_times_in_properties(text: str, time: datetime | None) -> None:
    assert comparing.time_of(text) == time
    [day] = comparing.parsed([text], "date")
    assert day == (time and datetime(time.year, time.month, time.day))


def test_booleans_in_properties() -> None:
    texts = ["true", "false", "True", "1", "", " true", None]
    assert list(comparing.parsed(texts, "boolean")) == [True, False, *[None] * 5]


def test_properties_of_accounts_and_events() -> None:
    values = [
        ("account", "a", "p_date", "2026-03-14"),
        ("event", "m0", "p_number", "3"),
        ("event", "m1", "p_number", "three"),
        ("contact", "m1", "p_number", "3"),
    ]
    world = world_of(
        contact_features=[{"contact_id": "c", "account_id": "a"}, {"contact_id": "d"}],
        account_features=[{"account_id": "a"}],
        fct_events=[
            {**EVENT, "message_id": "m0", "occurred_at": T - DAY},
            {**EVENT, "message_id": "m1", "occurred_at": T - DAY, "contact_id": "d"},
        ],
        field_values=[
            dict(zip(("owner", "owner_id", "property", "value"), row, strict=True))
            for row in values
        ],
    )
    recent = {"field": "account.p_date", "within_days": 2}
    assert members(world, recent) == "c"
    assert members(world, recent, unit="account") == "a"
    assert members(world, {"event": "E", "where": {"p_number": {"at_least": 3}}}) == "c"
    assert members(world, {"event": "E", "where": {"p_number": {"is_known": False}}}) == "d"


# -- events ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "window", "inside"),
    [
        (timedelta(0), {}, False),
        (MICROSECOND, {}, True),
        (7 * DAY, {"within_days": 7}, True),
        (7 * DAY + MICROSECOND, {"within_days": 7}, False),
        (timedelta(hours=12), {"within_days": 0.5}, True),
        (DAY, {"within_days": 7, "older_than_days": 1}, False),
        (DAY + MICROSECOND, {"within_days": 7, "older_than_days": 1}, True),
        (DAY, {"older_than_days": 1}, False),
        (DAY + MICROSECOND, {"older_than_days": 1}, True),
        (-DAY, {}, False),
        (-DAY, {"within_days": 7}, False),
    ],
)
def test_windows(ago: timedelta, window: dict[str, float], inside: bool) -> None:
    world = happened({"occurred_at": T - ago})
    assert does(world, **window) is inside
    assert does(world, at_most=0, **window) is not inside


def test_what_counts() -> None:
    at = {"occurred_at": T - DAY}
    assert does(happened({**at, "actor_class": "human"}))
    assert does(happened({**at, "actor_class": "unsure"}))
    assert not does(happened({**at, "actor_class": "machine"}))
    assert not does(happened({**at, "contact_id": None}))
    assert not does(happened({**at, "contact_id": "d"}))
    nobody_known = happened({**at, "contact_id": "gone"})
    assert members(nobody_known, {"event": "E"}) == ""


def test_names() -> None:
    def asked(name: str, message_type: str, event: str | None) -> bool:
        told = {"occurred_at": T - DAY, "message_type": message_type, "event": event}
        return does(happened(told), event=name)

    assert asked("Démo réservée !", "track", "Démo réservée !")
    assert asked("demo_reservee", "track", "Démo réservée !")
    assert not asked("démo réservée !", "track", "Démo réservée !")
    assert not asked("Demo_Reservee", "track", "Démo réservée !")
    assert asked("page_viewed", "page", None)
    assert asked("screen_viewed", "screen", None)
    assert asked("identified", "identify", None)
    assert not asked("page_viewed", "screen", None)
    assert not asked("group", "group", None)
    assert not asked("demo", "page", "demo")
    assert plain("ROI  Calculator--used") == "roi_calculator_used"
    assert plain("$mp_web_page_view") == "mp_web_page_view"
    assert plain("日本 Œuvre É e\u0301") == "日本_œuvre_e_e"


def test_both_events_that_a_plain_form_means_count() -> None:
    times = {"occurred_at": T - DAY}
    world = happened({**times, "event": "A b"}, {**times, "event": "a_b"})
    assert does(world, event="a_b", at_least=2)
    assert not does(world, event="A b", at_least=2)


@pytest.mark.parametrize(
    ("asked", "by_times"),
    [
        ({}, "0111"),
        ({"at_least": 2}, "0011"),
        ({"at_most": 2}, "1110"),
        ({"at_most": 0}, "1000"),
        ({"at_least": 0}, "1111"),
        ({"at_least": 1, "at_most": 2}, "0110"),
    ],
)
def test_counts(asked: dict[str, int], by_times: str) -> None:
    for times, expected in enumerate(by_times):
        world = happened(*[{"occurred_at": T - DAY}] * times)
        assert does(world, **asked) is (expected == "1"), times


@pytest.mark.parametrize(
    ("amounts", "asked", "expected"),
    [
        (["0.1000", "0.2000"], {"sum_at_least": 0.3}, True),
        (["0.1000", "0.2000"], {"sum_below": 0.3}, False),
        (["0.1000", "0.2000"], {"sum_at_least": 0.30001}, False),
        (["0.1000", "0.2000"], {"sum_below": 0.30001}, True),
        (["0.1000", None], {"sum_below": 1}, True),
        ([None], {"sum_below": 1}, False),
        ([None], {"sum_at_least": -1}, False),
        ([], {"sum_below": 1}, False),
        ([], {"sum_at_least": 0}, False),
        (["5.0000", "-5.0000"], {"sum_at_least": 0, "sum_below": 0.1}, True),
        (["9.0000"], {"sum_at_least": 1, "at_least": 2}, False),
        (["9.0000", "1.0000"], {"sum_at_least": 10, "at_least": 2}, True),
        ([None], {"at_most": 1}, True),
    ],
)
def test_sums(amounts: list[str | None], asked: dict[str, float], expected: bool) -> None:
    told = [
        {"occurred_at": T - DAY, "revenue_base": amount and Decimal(amount)} for amount in amounts
    ]
    assert does(happened(*told), **asked) is expected


@pytest.mark.parametrize(
    ("agos", "asked", "expected"),
    [
        ([DAY, 3 * DAY], {"last_at_least_days_ago": 1}, True),
        ([DAY, 3 * DAY], {"last_below_days_ago": 1}, False),
        ([DAY - MICROSECOND], {"last_at_least_days_ago": 1}, False),
        ([DAY - MICROSECOND], {"last_below_days_ago": 1}, True),
        ([], {"last_at_least_days_ago": 1}, False),
        ([], {"last_below_days_ago": 1}, False),
        # The last one in the window, not of all.
        ([DAY, 9 * DAY], {"last_at_least_days_ago": 5, "older_than_days": 3}, True),
        ([9 * DAY], {"last_at_least_days_ago": 5, "within_days": 7}, False),
        ([DAY], {"last_below_days_ago": 2, "at_least": 2}, False),
    ],
)
def test_last_times(agos: list[timedelta], asked: dict[str, float], expected: bool) -> None:
    assert does(happened(*[{"occurred_at": T - ago} for ago in agos]), **asked) is expected


def test_where_narrows() -> None:
    world = happened(
        {"occurred_at": T - DAY, "page_path": "/tarifs/a", "revenue_base": Decimal("1.0000")},
        {"occurred_at": T - DAY, "page_path": None, "revenue_base": Decimal("2.0000")},
    )
    path = {"page_path": {"starts_with": "/tarifs"}}
    assert does(world, where=path) and not does(world, where=path, at_least=2)
    assert does(world, where={"page_path": {"is_not": "/x"}}, at_most=1)
    assert does(world, where={"page_path": {"is_known": False}}, sum_at_least=2)
    assert not does(world, where={**path, "revenue_base": {"above": 1}})
    assert does(world, where={**path, "revenue_base": {"is": 1}})


def test_touches() -> None:
    told = {"touch_type": "meeting", "occurred_at": T - DAY, "depth": 0.5}
    world = happened(told, {**told, "actor_class": "machine"}, table="fct_touchpoints")
    assert does(world, touch="meeting", at_most=1)
    assert not does(world, touch="meeting", at_least=2)
    assert does(world, touch="meeting", where={"depth": {"at_least": 0.5}})
    assert not does(world, touch="email_click")


def test_events_of_an_account_are_those_of_its_contacts() -> None:
    world = world_of(
        contact_features=[
            {"contact_id": "c", "account_id": "a"},
            {"contact_id": "d", "account_id": "a"},
            {"contact_id": "e"},
        ],
        account_features=[{"account_id": "a"}, {"account_id": "b"}],
        fct_events=[
            {**EVENT, "contact_id": who, "occurred_at": T - DAY, "event": name}
            for who, name in (("c", "E"), ("d", "E"), ("e", "E"))
        ],
    )
    assert members(world, {"event": "E", "at_least": 2}, unit="account") == "a"
    assert members(world, {"event": "E", "at_most": 1}, unit="account") == "b"
    assert members(world, {"event": "E", "at_least": 2}) == ""


@pytest.mark.parametrize(
    ("hours_ago", "expected"),
    [
        ("A3 B2", True),
        ("B3 A2", False),
        ("A2 B2", False),
        ("A3 A1 B2", True),
        ("B4 A3 B2", True),
        ("A3", False),
        ("A24 B23", True),
        ("A25 B23", False),
        ("A25 A5 B23", False),
        ("A3 B0", False),
    ],
)
def test_sequences(hours_ago: str, expected: bool) -> None:
    told = [
        {"event": step[0], "occurred_at": T - timedelta(hours=int(step[1:]))}
        for step in hours_ago.split()
    ]
    leaf = {"sequence": ["A", {"event": "B"}], "within_days": 1}
    assert members(happened(*told), leaf) == ("c" if expected else "")
    assert members(happened(*told), leaf, unit="account") == ("a" if expected else "")


def test_a_sequence_of_the_same_event_needs_it_twice() -> None:
    once, twice = {"occurred_at": T - DAY}, {"occurred_at": T - 2 * DAY}
    leaf = {"sequence": ["E", "E"]}
    assert members(happened(once, once), leaf) == ""
    assert members(happened(once, twice), leaf) == "c"


def test_a_sequence_of_events_and_touches() -> None:
    world = happened(
        {"event": "A", "occurred_at": T - 2 * DAY, "page_path": "/x"},
        {"event": "A", "occurred_at": T - 2 * DAY, "page_path": "/y", "contact_id": "d"},
    )
    told = {**EVENT, "touch_type": "meeting", "occurred_at": T - DAY}
    touches = happened(*({**told, "contact_id": who} for who in "cd"), table="fct_touchpoints")
    tables = {**vars(world.tables), "fct_touchpoints": touches.tables.fct_touchpoints}
    both = World(type(world.tables)(**tables))
    narrowed = {"event": "A", "where": {"page_path": {"is": "/x"}}}
    assert members(both, {"sequence": ["A", {"touch": "meeting"}]}) == "c d"
    assert members(both, {"sequence": [narrowed, {"touch": "meeting"}]}) == "c"
    assert members(both, {"sequence": [{"touch": "meeting"}, "A"]}) == ""


# -- memberships ----------------------------------------------------------------------------


def test_consents_lists_and_snapshots() -> None:
    state = {"contact_id": "c", "purpose": "news", "channel": "email"}
    world = world_of(
        contact_features=[{"contact_id": "c"}, {"contact_id": "d"}],
        consent_states=[
            {**state, "state": "withdrawn"},
            {**state, "state": "granted"},
            {**state, "state": "granted", "contact_id": None},
            {**state, "state": "granted", "contact_id": "d", "channel": "sms"},
        ],
        list_members=[
            {"list_id": "1", "list_name": "One", "contact_id": "c"},
            {"list_id": "2", "list_name": "1", "contact_id": "d"},
        ],
        segment_snapshots=[
            {"snapshot_id": "x", "contact_id": "c"},
            {"snapshot_id": "x", "contact_id": "gone"},
        ],
    )
    asked = {"purpose": "news", "channel": "email"}
    assert members(world, {"consent": "granted", **asked}) == "c"
    assert members(world, {"consent": "withdrawn", **asked}) == "c"
    assert members(world, {"not": {"consent": "granted", **asked}}) == "d"
    assert members(world, {"list": "One"}) == "c"
    assert members(world, {"list": "1"}) == "c d"
    assert members(world, {"list": "one"}) == ""
    assert members(world, {"snapshot": "x"}) == "c"
    assert members(world, {"not": {"snapshot": "y"}}) == "c d"


def test_contacts_of_an_account() -> None:
    accounts = {"two": ["x", "x"], "one": ["x", None], "none": [None], "empty": []}
    world = world_of(
        account_features=[{"account_id": account} for account in accounts],
        contact_features=[
            {"contact_id": f"{account}{n}", "account_id": account, "country": country}
            for account, countries in accounts.items()
            for n, country in enumerate(countries)
        ],
    )
    some = {"contacts": {"field": "contact.country", "is": "x"}}
    for asked, expected in (
        ({}, "one two"),
        ({"at_least": 2}, "two"),
        ({"at_most": 1}, "empty none one"),
        ({"at_most": 0}, "empty none"),
        ({"at_least": 1, "at_most": 1}, "one"),
        ({"at_least": 0}, "empty none one two"),
    ):
        assert members(world, {**some, **asked}, unit="account") == expected
    unlike = {"contacts": {"not": {"field": "contact.country", "is": "x"}}}
    assert members(world, unlike, unit="account") == "none one"


def test_segments_ask_one_another() -> None:
    world = world_of(
        account_features=[{"account_id": key, "country": key} for key in ("fr", "de", "empty")],
        contact_features=[
            {"contact_id": f"{account}_{role}", "account_id": account, "role": role}
            for account in ("fr", "de")
            for role in ("mayor", "buyer", None)
        ],
    )
    french = {"unit": "account", "where": {"field": "account.country", "is": "fr"}}
    mayors = {"where": {"field": "contact.role", "is": "mayor"}}
    found = evaluated(
        world,
        french=french,
        buyers={**french, "roles": ["buyer"]},
        mayors=mayors,
        of_french={"where": {"segment": "french"}},
        of_buyers={"where": {"segment": "buyers"}},
        others={"where": {"not": {"segment": "buyers"}}},
        with_mayor={"unit": "account", "where": {"segment": "mayors"}},
        not_french={"unit": "account", "where": {"not": {"segment": "buyers"}}},
        one_buyer={"unit": "account", "where": {"contacts": {"segment": "buyers"}}},
    )
    assert found.members("buyers") == {"fr"}
    assert found.contacts("buyers") == found.members("of_buyers") == {"fr_buyer"}
    assert found.contacts("french") == {"fr_mayor", "fr_buyer", "fr_None"}
    assert found.members("of_french") == found.contacts("french")
    assert len(found.members("others")) == 5
    assert found.members("with_mayor") == {"fr", "de"}
    assert found.members("not_french") == {"de", "empty"}
    assert found.members("one_buyer") == {"fr"}


def test_the_vertical_of_a_segment_is_that_of_its_members() -> None:
    world = world_of(
        account_features=[
            {"account_id": "a", "vertical": "public"},
            {"account_id": "b", "vertical": None},
        ],
        contact_features=[
            {"contact_id": "c", "account_id": "a", "vertical": "medical"},
            {"contact_id": "d", "account_id": "b", "vertical": "public"},
            {"contact_id": "e"},
        ],
    )
    anybody = {"not": {"snapshot": "none"}}
    assert members(world, anybody, vertical="public") == "d"
    everything = {"not": {"event": "E"}}
    found = evaluated(world, s={"unit": "account", "vertical": "public", "where": everything})
    assert found.members("s") == {"a"}
    assert found.contacts("s") == {"c"}


# -- the whole ------------------------------------------------------------------------------


def test_empty_tables_have_no_members() -> None:
    world = random_world(1, contacts=0, accounts=0, events=0)
    found = Evaluator(world.tables, FIELDS, random_segments(1, 40).segments, T)
    assert not any(found.contacts(f"s{n:03}") or found.members(f"s{n:03}") for n in range(40))


def test_an_aware_time_is_the_same_moment() -> None:
    world, drawn = random_world(2), random_segments(2, 20).segments
    naive = Evaluator(world.tables, FIELDS, drawn, T)
    aware = T.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))
    other = Evaluator(world.tables, FIELDS, drawn, aware)
    assert all(naive.members(key) == other.members(key) for key in drawn)


def _mistakes() -> Iterator[tuple[str, Any, str, Any]]:
    right = comparing.holds
    window = comparing.window
    yield (
        "windows are closed",
        evaluator,
        "window",
        lambda at, as_of, *days: window(at, as_of + MICROSECOND, *days),
    )
    yield "missing values are unlike any", evaluator, "holds", _holding_of_missing(right)
    yield (
        "names keep their accents",
        evaluator,
        "plain",
        lambda name: name.lower().replace(" ", "_"),
    )
    yield "numbers are read as Python does", comparing, "number_of", _python_number
    yield (
        "days are calendar days",
        evaluator,
        "window",
        lambda at, as_of, *days: window(at, datetime(as_of.year, as_of.month, as_of.day), *days),
    )


def _holding_of_missing(right: Any) -> Any:
    def holds(value: Any, dtype: Any, comparison: Any, as_of: datetime) -> Any:
        found = right(value, dtype, comparison, as_of)
        unlike = comparison.is_not is not None or comparison.not_in is not None
        return found | value.is_null() if unlike else found

    return holds


def _python_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@pytest.mark.parametrize("mistake", list(_mistakes()), ids=lambda mistake: mistake[0])
def test_drawn_definitions_show_a_mistake(mistake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, module, name, wrong = mistake

    def evaluate() -> list[frozenset[str]]:
        found = []
        for seed in (1, 2, 3):
            drawn = random_segments(seed, 50).segments
            made = Evaluator(random_world(seed).tables, FIELDS, drawn, T)
            found += [made.members(key) for key in drawn]
        return found

    right = evaluate()
    monkeypatch.setattr(module, name, wrong)
    assert evaluate() != right
