"""Who acted: user agents, addresses and times; a slow obvious oracle for the times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.test_channels import parameters, visit
from workspace import definitions

AT = datetime(2026, 3, 10, 9)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/129.0.0.0 Safari/537.36"
)
OUTLOOK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Outlook/16.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GATEWAY = "Mozilla/5.0 (Windows NT 6.1; WOW64) Barracuda/5.0"
Row = dict[str, Any]

#: user agent of a visit -> the rule and class that follow
AGENTS = {
    CHROME: (None, "human"),
    None: (None, "human"),
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) Chrome/129.0.0.0 Mobile Safari/537.36": (
        None,
        "human",
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:1.0) Gecko Superssistant/1.0": (None, "human"),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": (
        *("declared_bot", "machine"),
    ),
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)": (
        *("declared_bot", "machine"),
    ),
    "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)": ("declared_bot", "machine"),
    "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/129.0.0.0 Safari/537.36": (
        *("headless_browser", "machine"),
    ),
    "python-requests/2.34": ("http_library", "machine"),
    "curl/8.5.0": ("http_library", "machine"),
    GATEWAY: ("security_gateway", "machine"),
    "Mozilla/5.0": ("bare_agent", "unsure"),
    "": ("bare_agent", "unsure"),
}


def told(name: str, event: str, seconds: float, send: str, **more: Any) -> Row:
    """A track message of a mail, seconds after AT."""
    properties = {"send_id": send} | ({"link": more.pop("link")} if "link" in more else {})
    return {
        "message_id": name,
        "type": "track",
        "event": event,
        "anonymous_id": f"mail-{send}",
        "anonymous_key": f"mail-{send}",
        "occurred_at": AT + timedelta(seconds=seconds),
        "context": worlds.json_text(library={"name": "mail-tool"}),
        "properties": worlds.json_text(**properties),
        **more,
    }


def pages(name: str, *seconds: float, **more: Any) -> list[Row]:
    return [
        visit(0, anonymous_id=name, anonymous_key=name)
        | {"message_id": f"{name}-{n}", "occurred_at": AT + timedelta(seconds=s), **more}
        for n, s in enumerate(seconds)
    ]


def mails() -> list[Row]:
    """Message ids say what becomes of them: rule, or human."""
    rows = [told(f"delivered-{n}", "Email Delivered", 0, f"s{n}") for n in range(6)]
    human = {"user_agent": OUTLOOK}
    return [
        *rows,
        told("human-0", "Email Opened", 3600, "s0", **human),
        told("human-1", "Email Clicked", 3625, "s0", link="a", **human),
        told("human-2", "Email Clicked", 3700, "s0", link="b", **human),
        # A person takes longer than a scanner, and a scanner without a name is told by its times.
        told("opened_at_once-0", "Email Opened", 3, "s1"),
        told("human-3", "Email Opened", 4, "s2"),
        told("clicked_at_once-0", "Email Clicked", 9.9, "s2", link="a"),
        told("clicked_at_once-1", "Email Clicked", -1, "s3", link="a"),
        told("links_at_once-0", "Email Clicked", 1000, "s3", link="a"),
        told("links_at_once-1", "Email Clicked", 1002, "s3", link="b"),
        told("human-4", "Email Clicked", 2000, "s3", link="a"),
        told("human-5", "Email Clicked", 2001, "s3", link="a"),
        told("human-6", "Email Opened", 5000, "s4"),
        told("clicked_before_read-0", "Email Clicked", 5000.9, "s4", link="a"),
        told("human-7", "Email Clicked", 5001, "s4", link="a"),
        # By name: prefetched, shown through a proxy, scanned long after.
        told("mail_prefetch-0", "Email Opened", 900, "s5", user_agent="Mozilla/5.0"),
        told("image_proxy-0", "Email Opened", 3600, "s5", user_agent=GMAIL),
        told("security_gateway-0", "Email Clicked", 7200, "s5", link="a", user_agent=GATEWAY),
        # Nothing is known of the send.
        told("human-8", "Email Clicked", 0, "other", link="a"),
    ]


def webhooks() -> list[Row]:
    row = {"provider": "sendgrid", "channel": "email", "provider_message_id": "p1"}
    return [
        {**row, "provider_event_id": "1", "event_type": "delivered", "occurred_at": AT},
        {**row, "provider_event_id": "told_by_provider", "event_type": "opened", "is_machine": True}
        | {"occurred_at": AT + timedelta(hours=1)},
        {**row, "provider_event_id": "human", "event_type": "clicked", "url": "https://x.example"}
        | {"occurred_at": AT + timedelta(hours=2)},
    ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    folder = tmp_path_factory.mktemp("actors")
    visits = [
        row for n, agent in enumerate(AGENTS) for row in pages(f"a{n:02d}", 0, user_agent=agent)
    ]
    visits += [
        *pages("x-quick", 0, 0.6, 1.2, 1.9, user_agent=CHROME),
        *pages("x-just", 0, 2, 4, user_agent=CHROME),
        *pages("x-two", 0, 0.1, user_agent=CHROME),
        *pages("x-centre", 0, 60, user_agent=CHROME, ip="203.0.113.255"),
        *pages("x-outside", 0, 60, user_agent=CHROME, ip="203.0.114.0"),
        *pages("x-sixth", 0, 60, user_agent=CHROME, ip="2001:db8::203.0.113.1"),
        *pages("x-nonsense", 0, 60, user_agent=CHROME, ip="999.0.113.1.4"),
    ]
    lake = {
        "parameters": parameters(folder),
        "events": [*visits, *mails()],
        "delivery_events": webhooks(),
    }
    filled = Lakehouse(folder, target).fill(as_of=worlds.AS_OF, **lake)
    return filled.run("+actor_sensitivity", "+fct_events")


def test_user_agents(house: Lakehouse) -> None:
    found = house.rows(
        "select actor_rule, actor_class from marts.fct_sessions where visitor_key like 'a%' "
        "order by visitor_key"
    )
    assert dict(zip(AGENTS, found, strict=True)) == AGENTS


def test_pace_and_addresses(house: Lakehouse) -> None:
    found = house.rows(
        "select visitor_key, actor_rule, actor_class, actor_confidence from marts.fct_sessions "
        "where visitor_key like 'x-%' order by 1"
    )
    human = (None, "human", None)
    assert {row[0]: row[1:] for row in found} == {
        "x-quick": ("pages_at_once", "machine", 0.9),
        "x-just": human,
        "x-two": human,
        "x-centre": ("data_centre", "unsure", 0.6),
        "x-outside": human,
        "x-sixth": human,
        "x-nonsense": human,
    }


def test_mails(house: Lakehouse) -> None:
    found = house.rows(
        "select message_id, coalesce(actor_rule, 'human'), actor_class from marts.fct_events "
        "where event in ('Email Opened', 'Email Clicked')"
    )
    assert len(found) == 18
    unsure = {"image_proxy"}
    for message_id, rule, actor_class in found:
        expected = message_id.rpartition("-")[0]
        assert rule == expected, message_id
        kind = "human" if rule == "human" else "unsure" if rule in unsure else "machine"
        assert actor_class == kind, message_id


def test_what_the_provider_says_counts(house: Lakehouse) -> None:
    assert house.rows(
        "select event_id, actor_rule, actor_class from intermediate.int_event_actors "
        "where origin = 'webhooks'"
    ) == [("sendgrid/told_by_provider", "told_by_provider", "machine")]


def test_nothing_is_dropped(house: Lakehouse) -> None:
    found = house.rows(
        "select metric, sum(human), sum(unsure), sum(machine), sum(total) "
        "from marts.actor_sensitivity group by 1 order by 1"
    )
    assert found == [
        ("clicks", 7, 0, 6, 13),
        ("opens", 3, 1, 3, 7),
        ("sessions", 9, 3, 8, 20),
    ]


RULES = definitions.load(worlds.MARKETING).actors.timing
sent = st.integers(0, 2)
drawn = st.lists(
    st.tuples(
        sent,
        st.sampled_from(["open", "click"]),
        st.sampled_from(["a", "b", None]),
        st.one_of(st.integers(-2_000, 15_000), st.sampled_from([0, 1_000, 2_000, 4_000, 10_000])),
    ),
    max_size=9,
)


def oracle(reactions: list[tuple[Any, ...]]) -> set[tuple[int, str]]:
    """Every pair of reaction and rule, by looking at all reactions for each."""
    found = set()
    opened = {
        send: min(ms for s, action, _, ms in reactions if (s, action) == (send, "open"))
        for send, action, _, _ in reactions
        if action == "open"
    }
    for n, (send, action, _, ms) in enumerate(reactions):
        has_delivery = send > 0
        if has_delivery and action == "open" and ms < RULES.opened_at_once.seconds * 1000:
            found.add((n, "opened_at_once"))
        if action == "open":
            continue
        if has_delivery and ms < RULES.clicked_at_once.seconds * 1000:
            found.add((n, "clicked_at_once"))
        if send in opened and 0 <= ms - opened[send] < RULES.clicked_before_read.seconds * 1000:
            found.add((n, "clicked_before_read"))
        near = {
            link
            for s, what, link, at in reactions
            if (s, what) == (send, "click")
            and abs(at - ms) <= RULES.links_at_once.seconds * 1000
            and link is not None
        }
        if len(near) >= RULES.links_at_once.links:
            found.add((n, "links_at_once"))
    return found


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reactions=drawn)
def test_the_same_times_as_the_oracle(
    timing: tuple[duckdb.DuckDBPyConnection, str], reactions: list[tuple[Any, ...]]
) -> None:
    """Of the sends 0, 1 and 2 the first has no delivery."""
    connection, query = timing
    opened = {}
    for send, action, _, ms in reactions:
        if action == "open":
            opened[send] = min(ms, opened.get(send, ms))
    connection.execute("delete from intermediate.int_mail_reactions")
    rows = [
        (
            str(n),
            f"s{send}",
            action,
            link,
            AT + timedelta(milliseconds=ms),
            AT if send else None,
            AT + timedelta(milliseconds=opened[send]) if send in opened else None,
        )
        for n, (send, action, link, ms) in enumerate(reactions)
    ]
    if rows:
        connection.executemany(
            "insert into intermediate.int_mail_reactions (origin, reaction_id, send_key, "
            "actor_action, link, is_told_machine, occurred_at, delivered_at, first_opened_at) "
            "values ('events', ?, ?, ?, ?, false, ?, ?, ?)",
            rows,
        )
    found = connection.execute(query).fetchall()
    assert len(found) == len(set(found))
    assert {(int(row[1]), row[2]) for row in found} == oracle(reactions)


@pytest.fixture(scope="module")
def timing(
    house: Lakehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """The model's own SQL, over a table to be filled."""
    copy = house.copied(tmp_path_factory.mktemp("timing"))
    with duckdb.connect(str(copy.path)) as connection:
        yield connection, copy.statement("int_mail_timing")
