"""What becomes a touch, what is one touch though two sources tell it, what becomes of a mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.worlds import json_text

AT = datetime(2026, 3, 10, 9)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/129.0.0.0"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
SITE = "www.publichub.example"
Row = dict[str, Any]


def at_site(name: str, minutes: float, path: str, device: str = "device", **more: Any) -> Row:
    """A page of one device, or a track message there, minutes after AT."""
    return {
        "message_id": name,
        "type": "page",
        "occurred_at": AT + timedelta(minutes=minutes),
        "known_at": AT + timedelta(minutes=minutes),
        "anonymous_id": device,
        "anonymous_key": device,
        "page_host": SITE,
        "page_path": path,
        "page_url": f"https://{SITE}{path}",
        "user_agent": CHROME,
        "properties": "{}",
        **more,
    }


def by_anne(name: str, minutes: float, event: str, **properties: Any) -> Row:
    """A track message of a tool, without a device."""
    return {
        "message_id": name,
        "type": "track",
        "event": event,
        "occurred_at": AT + timedelta(minutes=minutes),
        "known_at": AT + timedelta(minutes=minutes),
        "user_id": "anne",
        "user_key": "user-anne",
        "properties": json_text(**properties),
    }


def told(name: str, depth: Any) -> Row:
    """A case study, scrolled as far as a browser claims."""
    event = {"type": "track", "event": "Case Study Viewed", "anonymous_key": name}
    properties = json_text(content_id="study", percent_scrolled=depth)
    return at_site(name, 600, "/other", **{**event, "properties": properties})


EVENTS = [
    at_site("p1", 0, "/case-study/1", page_url=f"https://{SITE}/case-study/1?utm_medium=email"),
    at_site(
        "t1",
        *(1, "/case-study/1"),
        type="track",
        event="Case Study Viewed",
        properties=json_text(content_id="study", percent_scrolled=90),
    ),
    at_site("p2", 2, "/guide/1"),
    at_site("p3", 3, "/Guide/1?again=1"),
    at_site("p4", 4, "/tarifs", type="track", event="Pricing Viewed"),
    at_site("p5", 5, "/tarifs", type="track", event="Unheard Of"),
    at_site("b1", 0, "/guide/1", "bot", user_agent=BOT),
    by_anne("w1", 60, "Webinar Attended", event_key="w"),
    by_anne("w2", 50, "Trial Started"),
    by_anne("m1", 0, "Email Delivered", send_id="s1", mailing_id="letter"),
    by_anne("m2", 30, "Email Opened", send_id="s1", mailing_id="letter"),
    by_anne("m3", 40, "Email Clicked", send_id="s1", mailing_id="letter", link="a"),
    by_anne("m4", 0, "Email Delivered", send_id="s2", mailing_id="letter"),
    by_anne("m5", 0.01, "Email Opened", send_id="s2", mailing_id="letter"),
    by_anne("m6", 90, "Email Unsubscribed", send_id="s2", mailing_id="letter"),
    by_anne("m7", 0, "Email Bounced", send_id="s3", mailing_id="letter"),
    *(told(f"d{n}", depth) for n, depth in enumerate(["nan", "inf", -5, 250, "deep", 25])),
]
LISTED = {"email": "anne@publichub.example", "email_key": "email-anne", "status": "attended"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Any) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("touches"), target)
    congress = {"event_type": "congress", "starts_on": AT.date()}
    anne = {"email": "anne@publichub.example", "email_key": "email-anne"}
    house.fill(
        as_of=worlds.AS_OF,
        parameters=worlds.parameters(),
        events=EVENTS,
        crm_contacts=[
            {
                "crm_id": "1",
                "contact_key": "contact-anne",
                "created_at": datetime(2025, 1, 1),
                "user_id": "anne",
                "user_key": "user-anne",
                "vertical": "public",
                "properties": "{}",
                **anne,
            }
        ],
        content_items=[
            {"content_id": "study", "url": f"https://{SITE}/case-study/1", "topic": "care"},
            {"content_id": "guide", "url": f"https://{SITE}/guide/1?x=1", "topic": "law"},
        ],
        attendees=[
            {"event_key": "w", "event_type": "webinar", "starts_on": AT.date(), **LISTED},
            {"event_key": "c", **congress, **LISTED},
            {"event_key": "d", **congress, **LISTED, "status": "no_show"},
        ],
        meetings=[
            {"source": "calendly", "meeting_id": name, "status": status, "starts_at": at, **anne}
            for name, status, at in [
                ("past", "held", AT),
                ("off", "canceled", AT),
                ("ahead", "scheduled", worlds.AS_OF + timedelta(days=1)),
            ]
        ],
    )
    return house.run("+fct_touchpoints", "+fct_emails")


def touches(house: Lakehouse, columns: str, where: str) -> list[tuple[Any, ...]]:
    return house.rows(
        f"select {columns} from marts.fct_touchpoints where {where} order by occurred_at, source_id"
    )


def test_a_visit_and_what_was_done_in_it(house: Lakehouse) -> None:
    found = touches(
        *(house, "touch_type, source_id, content_id, channel, actor_class"),
        "visitor_key = 'device' and source = 'events'",
    )
    # The page of the study, which an event tells of, and the second view are no touches more.
    assert found == [
        ("case_study_view", "t1", "study", "email", "human"),
        ("content_view", "p2", "guide", "email", "human"),
        ("pricing_view", "p4", None, "email", "human"),
    ]
    visit = touches(
        house, "touch_type, depth, channel", "visitor_key = 'device' and source != 'events'"
    )
    assert visit == [("session", pytest.approx(3 / 5), "email")]


def test_machines_stay_and_are_named(house: Lakehouse) -> None:
    found = touches(house, "touch_type, actor_class", "visitor_key = 'bot'")
    assert sorted(found) == [("content_view", "machine"), ("session", "machine")]
    assert touches(house, "actor_class", "source_id = 'm5'") == [("machine",)]


def test_what_two_sources_tell_is_one_touch(house: Lakehouse) -> None:
    found = touches(
        house,
        "touch_type, source, campaign, channel",
        "touch_type in ('webinar_attend', 'event_attend')",
    )
    assert sorted(found) == [
        ("event_attend", "attendees", "c", "events"),
        ("webinar_attend", "events", "w", "webinar"),
    ]


def test_only_meetings_that_took_place(house: Lakehouse) -> None:
    found = touches(house, "source_id, channel, channel_rule", "touch_type = 'meeting'")
    assert found == [("past", "meeting", "offline_meeting")]


def test_depth_is_a_share_whatever_is_claimed(house: Lakehouse) -> None:
    depths = dict(touches(house, "visitor_key, depth", "touch_type = 'case_study_view'"))
    assert depths["device"] == pytest.approx(0.9)
    otherwise = 0.8
    assert [depths[f"d{n}"] for n in range(6)] == [otherwise, otherwise, 0, 1, otherwise, 0.25]


def test_every_touch_has_its_contact_or_none(house: Lakehouse) -> None:
    contact = house.one("select contact_id from intermediate.int_contacts")
    found = dict(touches(house, "source_id, contact_id", "source = 'events'"))
    assert found["m3"] == found["w2"] == contact
    assert found["p4"] is None


def test_what_became_of_each_mail(house: Lakehouse) -> None:
    found = house.rows(
        "select source_id, delivered_at is not null, human_opens, human_clicks, machine_opens, "
        "bounced_at is not null, unsubscribed_at is not null, mailing_id "
        "from marts.fct_emails order by 1"
    )
    assert found == [
        ("s1", True, 1, 1, 0, False, False, "letter"),
        ("s2", True, 0, 0, 1, False, True, "letter"),
        ("s3", False, 0, 0, 0, True, False, "letter"),
    ]
