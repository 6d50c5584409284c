"""Clicks on links of our own: of the mail they were in, of the contact, by people and machines;
and the same after any history of runs as made at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.grown import Grown
from tests.dbt.lakehouse import Lakehouse

AT = datetime(2026, 3, 10, 9)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/129.0.0.0"
GATEWAY = "Mozilla/5.0 (Windows NT 6.1; WOW64) Barracuda/5.0"
APPLE = "Mozilla/5.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
URL = "https://www.publichub.example/x?utm_medium=email&utm_campaign=spring%20letter#top"
MODELS = ("fct_emails", "fct_touchpoints", "int_click_sends", "int_mail_reactions",
          "int_event_actors")  # fmt: skip
ANNE = (
    "select contact_id from intermediate.int_identity_members where identifier_key = 'email-anne'"
)
Row = dict[str, Any]


def told(name: str, kind: str, minutes: float, **more: Any) -> Row:
    at = AT + timedelta(minutes=minutes)
    return {
        "provider": "ses",
        "provider_event_id": name,
        "event_type": kind,
        "channel": "email",
        "email_key": "email-anne",
        "occurred_at": at,
        "known_at": at,
        **more,
    }


def click(name: str, minutes: float, message: str, **more: Any) -> Row:
    given = {"provider": "links", "outbox_id": message, "url": URL, "user_agent": CHROME}
    return told(name, "clicked", minutes, **{**given, **more})


def attempt(message: str, provider_message_id: str | None = None, **more: Any) -> Row:
    return {
        "message_id": message,
        "attempt": 1,
        "channel": "email",
        "destination_key": "email-anne",
        "provider": "ses",
        "started_at": AT,
        "finished_at": AT,
        "result": "accepted",
        "provider_message_id": provider_message_id,
        "is_test": False,
        "sequence": 1,
        **more,
    }


EVENTS = [
    told("e1", "delivered", 0, provider_message_id="p1", outbox_id="m1"),
    click("c1", 60, "m1"),
    click("c2", 61, "m1", user_agent=GATEWAY),
    click("c3", 0.1, "m1", url="https://www.publichub.example/y"),  # sooner than anybody reads
    click("c4", 60, "m2"),  # the provider tells nothing
    click("c5", 60, "m3"),  # nobody knows the message
    click("c6", 60, "m4"),  # a test send
    click("c7", 60, "m5", email_key="email-bob"),
    click("o1", 90, "m1", event_type="opened", url=None),
    click("o2", 90, "m1", event_type="opened", url=None, user_agent=APPLE),
    click("o3", 90, "m1", event_type="opened", url=None, user_agent=GMAIL),
    # Of our own mails only our own links and pixels tell: nobody agreed to these.
    told("theirs", "opened", 95, provider_message_id="p1", outbox_id="m1", user_agent=CHROME),
    told("theirs too", "clicked", 95, provider_message_id="p2", url=URL, user_agent=CHROME),
]
ATTEMPTS = [attempt("m1", "p1"), attempt("m2", "p2"), attempt("m4", "p4", is_test=True),
            attempt("m5", "p5", destination_key="email-bob")]  # fmt: skip


def contact(name: str, **more: Any) -> Row:
    return {
        "crm_id": name,
        "contact_key": f"contact-{name}",
        "created_at": datetime(2025, 1, 1),
        "email": f"{name}@publichub.example",
        "email_key": f"email-{name}",
        "vertical": "public",
        "properties": "{}",
        **more,
    }


def world(**streams: Any) -> Row:
    return {
        "as_of": worlds.AS_OF,
        "parameters": worlds.parameters(),
        "delivery_events": EVENTS,
        "message_attempts": ATTEMPTS,
        "crm_contacts": [contact("anne")],
        **streams,
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Any) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("links"), target).fill(**world())
    return house.build("+fct_touchpoints", "+fct_emails", tests="buildable")


def test_a_click_is_of_the_mail_it_was_in(house: Lakehouse) -> None:
    found = house.rows(
        f"select source, source_id, contact_id = ({ANNE}), delivered_at, human_clicks, "
        "machine_clicks, human_clicked_at, human_opens, machine_opens "
        "from marts.fct_emails order by source_id"
    )
    hour = AT + timedelta(hours=1)
    assert found == [
        ("ses", "p1", True, AT, 1, 2, hour, 2, 1),
        ("ses", "p2", True, None, 1, 0, hour, 0, 0),
        ("ses", "p5", False, None, 1, 0, hour, 0, 0),
    ]


def test_a_click_is_a_touch_with_its_campaign(house: Lakehouse) -> None:
    found = house.rows(
        f"select source_id, touch_type, contact_id = ({ANNE}), campaign, actor_class "
        "from marts.fct_touchpoints order by source_id"
    )
    assert found == [
        ("links/c1", "email_click", True, "spring letter", "human"),
        ("links/c2", "email_click", True, "spring letter", "machine"),
        ("links/c3", "email_click", True, None, "machine"),
        ("links/c4", "email_click", True, "spring letter", "human"),
        ("links/c5", "email_click", True, "spring letter", "human"),
        ("links/c7", "email_click", False, "spring letter", "human"),
        ("links/o1", "email_open", True, None, "human"),
        ("links/o2", "email_open", True, None, "machine"),
        ("links/o3", "email_open", True, None, "unsure"),
    ]


def test_machines_are_told_by_name_and_by_time(house: Lakehouse) -> None:
    found = dict(
        house.rows(
            "select event_id, actor_rule from intermediate.int_event_actors "
            "where origin = 'webhooks'"
        )
    )
    assert found == {
        "links/c2": "security_gateway",
        "links/c3": "clicked_at_once",
        "links/o2": "mail_prefetch",
        "links/o3": "image_proxy",
    }


def test_a_providers_own_click_names_its_campaign_too(house: Lakehouse, tmp_path: Path) -> None:
    other = house.copied(tmp_path)
    other.fill(
        **world(
            message_attempts=[],
            delivery_events=[
                told("own", "clicked", 60, provider_message_id="p1", url=URL),
                told("sms", "clicked", 60, channel="sms", phone_key="x", url="https://a.example/"),
            ],
        )
    ).run("+fct_touchpoints")
    found = other.rows("select source_id, campaign from marts.fct_touchpoints order by 1")
    assert found == [("ses/own", "spring letter"), ("ses/sms", None)]


# ---- in slices -----------------------------------------------------------------------------------


def tables(grown: Grown) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: grown.house.rows(
            f"from {'marts' if name.startswith('fct') else 'intermediate'}.{name} order by all"
        )
        for name in MODELS
    }


BUILT = ("fct_touchpoints", "fct_emails")
MORE = [*(click(f"more-{n}", 70 + n, f"other-{n}", email_key=f"k{n}") for n in range(30))]
SENT = [*ATTEMPTS, *(attempt(f"other-{n}", f"q{n}", destination_key=f"k{n}") for n in range(30))]
LESS = [row for row in SENT if row["message_id"] not in ("m1", "m2")]
NO_GATEWAYS = [p for p in worlds.parameters() if "security_gateway/" not in p["key"]]
#: What changes from one run to the next, and whether slices are enough for the mails.
HISTORY: list[tuple[Row, bool]] = [
    ({"delivery_events": [*EVENTS[1:], *MORE], "message_attempts": LESS}, False),
    # The attempts reach the lake behind the clicks, then what the provider tells.
    ({"delivery_events": [*EVENTS[1:], *MORE], "message_attempts": SENT}, False),
    ({"delivery_events": [*EVENTS, *MORE], "message_attempts": SENT}, False),
    # Who clicked becomes known, then that it was no machine.
    ({"crm_contacts": [contact("anne"), contact("bob")]}, True),
    ({"parameters": NO_GATEWAYS}, False),
    # An address goes from one to another, and both stay who they were.
    ({"crm_contacts": [contact("carl", email_key="email-bob"), contact("dora")]}, True),
    ({"crm_contacts": [contact("carl"), contact("dora", email_key="email-bob")]}, True),
]


def test_after_any_run_it_is_what_one_run_makes(tmp_path: Path, target: Any) -> None:
    grown = Grown(tmp_path / "grown", target, BUILT)
    state: Row = {}
    for number, (change, in_slices) in enumerate(HISTORY):
        state |= change
        made = grown.build(**world(**state))
        if in_slices:
            assert (made["fct_emails"].message or "").endswith(" rows"), (number, made)
            assert made["fct_emails"].message != "0 rows"
        fresh = Grown(tmp_path / f"fresh-{number}", target, BUILT)
        fresh.build(**world(**state))
        for name, rows in tables(fresh).items():
            assert tables(grown)[name] == rows, (number, name)
