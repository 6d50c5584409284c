"""Sessions: which messages belong to one, where it ends, whose it is, and a slow obvious oracle."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.test_channels import VISITS, parameters, visit

AT = datetime(2026, 3, 10, 22, 50)  # 23:50 in Paris
Row = dict[str, Any]


def message(name: str, minutes: float, **more: Any) -> Row:
    """A page of one device, minutes after AT."""
    device = {"anonymous_id": "device", "anonymous_key": "device"}
    return visit(0, **device) | {
        "message_id": name,
        "occurred_at": AT + timedelta(minutes=minutes),
        **more,
    }


def person(name: str) -> Row:
    return {
        "crm_id": f"crm-{name}",
        "contact_key": f"contact-{name}",
        "created_at": datetime(2025, 1, 1),
        "user_id": name,
        "user_key": f"user-{name}",
        "properties": "{}",
    }


def user(name: str) -> Row:
    return {"user_id": name, "user_key": f"user-{name}"}


def device(name: str) -> Row:
    return {"anonymous_id": name, "anonymous_key": name}


def filled(house: Lakehouse, events: list[Row], *edits: tuple[str, str]) -> Lakehouse:
    lake = {
        "parameters": parameters(house.path.parent, *edits),
        "events": events,
        "crm_contacts": [person("anne"), person("bruno")],
    }
    return house.fill(as_of=worlds.AS_OF, **lake)


def told(house: Lakehouse, columns: str) -> list[tuple[Any, ...]]:
    return house.rows(f"select {columns} from marts.fct_sessions order by visitor_key, started_at")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    tracked = {"type": "track", "page_url": None, "page_host": None, "page_path": None}
    mail = worlds.json_text(library={"name": "mail-tool"})
    events = [
        # One session over midnight and another campaign; a pause of exactly 30 minutes ends it.
        message("a1", 0, page_referrer="https://www.google.com/"),
        message("a2", 29.9, utm_source="mail", utm_medium="email", page_path="/b"),
        message("a3", 59.5, type="identify", **user("anne"), page_path="/c"),
        message("a4", 89.5, page_path="/d"),
        # Two people at one desk, one after the other; who is there in between is not known.
        message("b1", 0, **device("shared"), **user("anne")),
        message("b2", 100, **device("shared"), **user("bruno")),
        message("b3", 200, **device("shared")),
        message("b4", 300, **device("shared"), **user("anne")),
        message("b5", 301, **device("shared"), **user("bruno")),
        # The app has no anonymous id; the server's and the mail tool's words are no visit.
        message("c1", 0, **device(None), **user("anne"), **tracked | {"type": "screen"}),
        message("c2", 1, **device(None), **user("anne"), **tracked, event="Feature Used"),
        message("c3", 2, **device("mail-1"), **tracked, event="Email Opened", user_agent="x")
        | {"context": mail},
        message("c4", 3, **device("nobody"), **tracked, event="Pricing Viewed"),
        # Messages of one moment, and a track with no page but a user agent.
        message("d1", 0, **device("still"), page_path="/first"),
        message("d2", 0, **device("still"), **tracked, event="Demo Requested", user_agent="x"),
    ]
    folder = tmp_path_factory.mktemp("sessions")
    return filled(Lakehouse(folder, target), events[::-1]).run("+fct_sessions")


def test_where_a_session_ends(house: Lakehouse) -> None:
    def of_device(columns: str) -> list[tuple[Any, ...]]:
        return [row[1:] for row in told(house, f"visitor_key, {columns}") if row[0] == "device"]

    middle, end = AT + timedelta(minutes=59.5), AT + timedelta(minutes=89.5)
    assert of_device("started_at, ended_at, events, page_views, duration_seconds, is_engaged") == [
        (AT, middle, 3, 2, 59.5 * 60, True),
        (end, end, 1, 1, 0.0, False),
    ]
    assert of_device("landing_path, exit_path, channel, last_non_direct_channel") == [
        ("/", "/b", "organic_search", "organic_search"),
        ("/d", "/d", "direct", "organic_search"),
    ]
    # Known by name only in its first session, a device stays its one person's.
    assert of_device("contact_id, surface, vertical, actor_class") == [
        ("contact-anne", "web", "medical", "human"),
        ("contact-anne", "web", "medical", "human"),
    ]


def test_a_shared_device_is_each_ones_own(house: Lakehouse) -> None:
    found = [row[1] for row in told(house, "visitor_key, contact_id") if row[0] == "shared"]
    assert found == ["contact-anne", "contact-bruno", None, None]


def test_what_is_no_visit(house: Lakehouse) -> None:
    found = told(house, "visitor_key, surface, events, page_views, key_events, is_engaged")
    assert [row for row in found if row[0] not in ("device", "shared")] == [
        ("still", "web", 2, 1, 1, True),
        ("user-anne", "app", 1, 1, 0, False),
    ]
    assert house.one("select count(*) from intermediate.int_event_sessions") == 12


def test_midnight_and_campaigns_end_a_session_where_the_file_says_so(
    tmp_path: Path, house: Lakehouse
) -> None:
    tag = {"utm_source": "mail", "utm_medium": "email"}
    events = [
        message("1", 0),
        message("2", 9),
        message("3", 11),  # 00:01
        message("4", 12, utm_campaign="one", **tag),
        message("5", 13, utm_campaign="one", **tag),
        message("6", 14),
        message("7", 15, utm_campaign="two", **tag),
        # A referrer is no campaign.
        message("8", 16, page_referrer="https://www.bing.com/"),
    ]
    edits = (
        ("split_at_midnight: false", "split_at_midnight: true"),
        ("split_on_campaign: false", "split_on_campaign: true"),
    )
    found = filled(house.copied(tmp_path), events, *edits).run(*VISITS)
    assert told(found, "started_at, events, campaign") == [
        (AT, 2, None),
        (AT + timedelta(minutes=11), 1, None),
        (AT + timedelta(minutes=12), 3, "one"),
        (AT + timedelta(minutes=15), 2, "two"),
    ]


def test_a_third_business_has_sessions_without_code(tmp_path: Path, house: Lakehouse) -> None:
    lake = worlds.third_vertical(tmp_path)
    shop = {"page_host": "shop.example"}
    events = [message("1", 0, **shop), message("2", 1, page_referrer="https://x.com/", **shop)]
    other = house.copied(tmp_path)
    other.fill(as_of=worlds.AS_OF, parameters=lake["parameters"], events=events).run(*VISITS)
    assert told(other, "vertical, events, channel") == [("shop", 2, "social")]


def test_last_non_direct_as_ga4_has_it(tmp_path: Path, house: Lakehouse, shared_data: Path) -> None:
    """GA4's four sessions of a visitor, told by tags that this project knows."""
    folder = shared_data / "ga4_vectors"
    name = "test_stg_ga4__sessions_traffic_sources_last_non_direct_daily__expected_csv.csv"
    with (folder / name).open() as lines:
        cases = list(csv.DictReader(lines))
    events = []
    for case in cases:
        at = datetime.strptime(case["session_partition_date"], "%Y%m%d")
        is_direct = case["session_source"] == "(direct)"
        key = case["session_partition_key"]
        tags = {} if is_direct else {"utm_source": key.lower(), "utm_medium": "email"}
        events.append(message(key, 0, **tags) | {"occurred_at": at})
    house = filled(house.copied(tmp_path), events).run(*VISITS)
    found = told(house, "channel, last_non_direct_channel")
    assert found == [
        ("direct" if case["session_source"] == "(direct)" else "email", "email") for case in cases
    ]


def oracle(events: list[tuple[str, str, datetime]], pause: timedelta) -> set[frozenset[str]]:
    """The sessions as sets of message ids: sort each device's messages, cut at each pause."""
    found = []
    for visitor in {visitor for _, visitor, _ in events}:
        mine = sorted((at, name) for name, who, at in events if who == visitor)
        for n, (at, name) in enumerate(mine):
            if n == 0 or at - mine[n - 1][0] >= pause:
                found.append([])
            found[-1].append(name)
    return {frozenset(session) for session in found}


moments = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "Q", "pq"]),
        st.one_of(
            st.integers(0, 7_200_000_000),
            st.integers(0, 8).map(lambda n: n * 900_000_000),  # exactly on the edge
            st.sampled_from([1_799_999_999, 1_800_000_000, 1_800_000_001]),
        ),
    ),
    max_size=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=moments, seed=st.randoms(use_true_random=False))
def test_the_same_sessions_as_the_oracle(
    sessioniser: tuple[duckdb.DuckDBPyConnection, str], drawn: list[tuple[str, int]], seed: Any
) -> None:
    connection, query = sessioniser
    events = [
        (f"m{n}", visitor, AT + timedelta(microseconds=at)) for n, (visitor, at) in enumerate(drawn)
    ]
    assert grouped(connection, query, events) == oracle(events, timedelta(minutes=30))
    ids = ids_of(connection, query, events)
    seed.shuffle(events)
    assert ids_of(connection, query, events) == ids


def ids_of(
    connection: duckdb.DuckDBPyConnection, query: str, events: list[tuple[str, str, datetime]]
) -> dict[str, str]:
    connection.execute("delete from intermediate.int_interactions")
    if events:
        connection.executemany(
            "insert into intermediate.int_interactions (message_id, visitor_number, occurred_at) "
            "values (?, hash(?), ?)",
            events,
        )
    return {name: f"{who}/{start}" for name, who, start in connection.execute(query).fetchall()}


def grouped(
    connection: duckdb.DuckDBPyConnection, query: str, events: list[tuple[str, str, datetime]]
) -> set[frozenset[str]]:
    sessions: dict[str, set[str]] = {}
    for name, session in ids_of(connection, query, events).items():
        sessions.setdefault(session, set()).add(name)
    return {frozenset(names) for names in sessions.values()}


@pytest.fixture(scope="module")
def sessioniser(house: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model's own SQL, over a table to be filled."""
    copy = house.copied(tmp_path_factory.mktemp("oracle"))
    with duckdb.connect(str(copy.path)) as connection:
        yield connection, copy.statement("int_event_sessions")
