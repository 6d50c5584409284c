"""Comparisons of docs/segments.md, and texts of properties, with the members they must have."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reverse_etl.segments import comparing
from tests.reverse_etl.segments.asking import DAY, EVENT, contacts_with, members
from tests.reverse_etl.segments.worlds import MICROSECOND, T, world_of
from workspace.definitions.segment_fields import Fields


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
        ({"within_next_days": 1}, "now"),
        ({"within_next_days": 1.25}, "after now"),
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
        # The day itself began before T.
        ({"within_next_days": 7}, "sixteenth"),
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


def test_a_property_hides_a_column_of_its_name_and_no_key() -> None:
    declared = Fields.model_validate(
        {
            "contact": {"country": {}, "contact_id": {}, "account_id": {}},
            "event": {"contact_id": {}},
        }
    )
    world = world_of(
        fields=declared,
        contact_features=[{"contact_id": "c", "account_id": "a", "country": "FR"}],
        account_features=[{"account_id": "a", "country": "FR"}],
        fct_events=[{**EVENT, "message_id": "m", "occurred_at": T - DAY}],
        field_values=[
            {"owner": owner, "owner_id": owner_id, "property": name, "value": "DE"}
            for owner, owner_id, name in (
                ("contact", "c", "country"),
                ("contact", "c", "contact_id"),
                ("contact", "c", "account_id"),
                ("event", "m", "contact_id"),
            )
        ],
    )
    for field in ("contact.country", "contact.contact_id", "contact.account_id"):
        assert members(world, {"field": field, "is": "DE"}) == "c"
    assert members(world, {"field": "account.country", "is": "FR"}) == "c"
    assert members(world, {"event": "E", "where": {"contact_id": {"is": "DE"}}}) == "c"
