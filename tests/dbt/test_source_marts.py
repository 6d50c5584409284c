"""The marts of the pulled sources: the version in force, one vocabulary, no direct identifier."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse

MARTS = (
    *("fct_ad_spend_detail_daily", "fct_web_analytics_daily", "fct_meetings"),
    *("fct_form_submissions", "fct_support_tickets", "fct_product_usage_daily"),
    *("fct_social_daily", "fct_tender_notices", "fct_sales_activities", "fct_crm_activities"),
    *("crm_associations", "crm_property_changes", "crm_lists", "crm_stages"),
)
DAY = date(2026, 3, 31)
LATE = datetime(2026, 3, 31, 22, 30)  # April in Paris
THEN = datetime(2026, 4, 2)
SECRET = "paul.martin@chu.example"
Row = dict[str, Any]


def _spend() -> worlds.Streams:
    day = {"platform": "google", "account_id": "1", "spend_on": DAY, "currency": "EUR"}
    ad = {**day, "ad_group_id": "g", "clicks": 3}
    return {
        "ad_spend": [
            {**day, "campaign_id": "a", "vertical": "public", "spend": 100},
            {**day, "campaign_id": "b", "spend": 10},
        ],
        "ad_spend_details": [
            {**ad, "campaign_id": "a", "ad_id": "1", "spend": 70},
            {**ad, "campaign_id": "a", "ad_id": "1", "spend": 60, "known_at": THEN},
            {**ad, "campaign_id": "a", "ad_id": "2", "spend": "30.5"},
            {**ad, "campaign_id": "b", "spend": "10.25"},
            {**ad, "campaign_id": "c", "spend": 1},
        ],
    }


def _reports() -> worlds.Streams:
    line = {"source": "ga4", "property_id": "p", "report_on": DAY, "channel_group": "Direct"}
    page = {"platform": "linkedin", "page_id": "p", "report_on": DAY}
    use = {"source": "product", "user_id": SECRET, "user_key": "user-paul", "used_on": DAY}
    notice = {"source": "boamp", "notice_id": "n", "published_on": DAY}
    return {
        "web_analytics": [
            {**line, "sessions": 5},
            {**line, "sessions": 6, "known_at": THEN},
            {**line, "campaign": "spring", "sessions": 1},
        ],
        "social_posts": [
            {**page, "impressions": 9},
            {**page, "post_id": "1", "impressions": 4},
        ],
        "product_usage": [
            {**use, "account_id": "7", "feature": "search", "uses": 2},
            {**use, "account_id": "7", "feature": "search", "uses": 3, "known_at": THEN},
        ],
        "tender_notices": [
            {**notice, "title": "Logiciel"},
            {**notice, "title": "Logiciels", "buyer_siren": "217500016", "known_at": THEN},
        ],
    }


def _people() -> worlds.Streams:
    meeting = {
        "source": "calendly",
        "meeting_id": "m",
        "name": "Paul Martin",
        "email": SECRET,
        "email_key": "key-paul",
        "host_email": " Lea@hub.example",
        "location": "+33612345678",
        "starts_at": LATE,
        "ends_at": datetime(2026, 3, 31, 23, 15),
    }
    form = {
        "source": "unbounce",
        "email": SECRET,
        "email_key": "key-paul",
        "last_name": "Martin",
        "occurred_at": LATE,
    }
    sale = {
        "source": "sales_navigator",
        "activity_type": "inmail_sent",
        "owner_email": "lea@hub.example",
        "contact_name": "Paul Martin",
        "occurred_at": LATE,
    }
    return {
        "meetings": [
            {**meeting, "status": "scheduled"},
            {**meeting, "status": "held", "known_at": THEN},
        ],
        "form_submissions": [
            {**form, "submission_id": "1", "page_url": f"https://www.Hub.example/demo?e={SECRET}"},
            {**form, "submission_id": "2", "page_url": f"https://hub.example?e={SECRET}"},
            {**form, "submission_id": "3", "page_url": "/demo#top"},
        ],
        "sales_activities": [
            {**sale, "profile_url": "https://linkedin.example/in/paul"},
            {**sale, "profile_url": "https://linkedin.example/in/anne"},
            {**sale, "profile_url": "https://linkedin.example/in/anne", "owner_email": None},
        ],
        "crm_owners": [
            {"crm_id": "o1", "email": "lea@hub.example", "archived": True},
            {"crm_id": "o2", "email": "Lea@hub.example"},
        ],
    }


def _tickets() -> worlds.Streams:
    ticket = {
        "source": "intercom",
        "subject": "Paul Martin",
        "email_key": "key-paul",
        "assignee": "Lea@Hub.example",
        "created_at": datetime(2026, 3, 1, 8),
        "first_reply_at": datetime(2026, 3, 1, 8, 30),
        "closed_at": datetime(2026, 3, 2, 8),
    }
    crm = {"created_at": datetime(2026, 3, 1, 8), "pipeline": "0", "properties": "{}"}
    return {
        "support_tickets": [
            {**ticket, "ticket_id": "1", "status": "open", "closed_at": None},
            {**ticket, "ticket_id": "1", "status": "closed", "known_at": THEN},
            {**ticket, "ticket_id": "2", "status": "pending"},
        ],
        "crm_tickets": [
            {**crm, "crm_id": "1", "stage": "4", "closed_at": datetime(2026, 3, 1, 20)},
            {**crm, "crm_id": "2", "stage": "1", "closed_at": datetime(2026, 3, 1, 20)},
            {**crm, "crm_id": "3", "stage": "x", "closed_at": datetime(2026, 3, 1, 20)},
            {**crm, "crm_id": "4", "stage": "1", "company_crm_id": "c", "contact_crm_id": "old"},
            {**crm, "crm_id": "5", "stage": "1", "archived": True},
        ],
        "crm_companies": [worlds.company("c", "medical")],
        "crm_contacts": [
            {
                "crm_id": "p",
                "contact_key": "key-p",
                "email": SECRET,
                "email_key": "key-paul",
                "properties": worlds.json_text(hs_merged_object_ids="old"),
            }
        ],
        "crm_stages": [
            {"object_type": "tickets", "pipeline_id": "0", "stage_id": "1", "is_closed": False},
            {"object_type": "tickets", "pipeline_id": "0", "stage_id": "4", "is_closed": True},
            {"object_type": "deals", "pipeline_id": "0", "stage_id": "1", "archived": True},
        ],
    }


def _sets(one: str, other: str, more: Row, flag: str) -> list[Row]:
    """Objects read one to four times, linked to {7, 8}, then {8}, {} and {7}."""
    sets = [("7", "8"), ("8",), ("none",), ("7",)]
    return [
        {
            **more,
            one: f"{times} sets",
            other: linked,
            flag: linked != "none",
            "set_hash": f"{turn}: {linked_to}",
            "known_at": datetime(2026, 3, 1 + turn),
        }
        for times in range(1, 5)
        for turn, linked_to in enumerate(sets[:times])
        for linked in linked_to
    ]


def _crm() -> worlds.Streams:
    contact = {"object_type": "contacts", "crm_id": "p", "changed_at": LATE}
    pair = {"from_type": "contacts", "to_type": "deals", "to_id": "d"}
    member = {"list_id": "l", "joined_at": LATE}
    return {
        "crm_tasks": [
            {"crm_id": "1", "status": "waiting", "due_at": THEN, "contact_crm_id": "old"},
            {"crm_id": "2", "status": "completed", "due_at": THEN, "completed_at": LATE},
        ],
        "crm_engagements": [
            {"crm_id": "1", "engagement_type": "call", "outcome": "connected", "occurred_at": LATE},
            {
                "crm_id": "3",
                "engagement_type": "meeting",
                "outcome": "no_show",
                "occurred_at": LATE,
            },
            {
                "crm_id": "4",
                "engagement_type": "meeting",
                "occurred_at": datetime(2027, 1, 1),
            },
            {
                "crm_id": "5",
                "engagement_type": "note",
                "subject": "Paul Martin",
                "created_at": LATE,
                "deal_crm_id": "d",
            },
            {"crm_id": "6", "engagement_type": "email", "outcome": "sent", "archived": True},
            {
                "crm_id": "7",
                "engagement_type": "postal_mail",
                "occurred_at": LATE,
                "company_crm_id": "c",
                "contact_crm_id": "ghost",
            },
        ],
        "crm_associations": [
            {**pair, "from_id": "p", "is_associated": True},
            {**pair, "from_id": "q", "is_associated": True},
            {**pair, "from_id": "q", "is_associated": False, "known_at": THEN},
            # The survivor is asked again after a merge: what the other had counts no more.
            {**pair, "from_id": "old", "set_hash": "d"},
            {**pair, "from_id": "p", "to_id": "e", "set_hash": "e", "known_at": THEN},
            {"from_type": "contact", "from_id": "p", "to_type": "company", "to_id": "c"},
            {"from_type": "companies", "from_id": "c", "to_type": "contacts", "to_id": "ghost"},
            {"from_type": "companies", "from_id": "c", "to_type": "contacts", "to_id": "unseen"},
            {"from_type": "deals", "from_id": "d", "to_type": "contacts", "to_id": "old"},
            *_sets("from_id", "to_id", {"from_type": "tasks", "to_type": "deals"}, "is_associated"),
        ],
        "crm_property_history": [
            {**contact, "property": "lifecyclestage", "value": "lead"},
            {**contact, "property": "email", "value": SECRET, "source_id": SECRET},
            {**contact, "crm_id": "old", "property": "lifecyclestage", "value": "customer"},
            {**contact, "crm_id": "ghost", "property": "lifecyclestage", "value": "lead"},
            {**contact, "crm_id": "unseen", "property": "lifecyclestage", "value": "lead"},
            {
                **contact,
                "object_type": "deals",
                "crm_id": "d",
                "property": "dealstage",
                "value": "won",
            },
        ],
        "crm_lists": [
            {"list_id": "l", "name": "Salon", "size": 4},
            {"list_id": "empty", "name": "Webinar"},
            *({"list_id": f"{n} sets", "name": "Démo"} for n in range(1, 5)),
            {"list_id": "gone", "archived": True},
        ],
        "crm_list_members": [
            {**member, "crm_id": "p", "is_member": True},
            {**member, "crm_id": "q", "is_member": True},
            {**member, "crm_id": "q", "is_member": False, "known_at": THEN},
            *_sets("list_id", "crm_id", {}, "is_member"),
        ],
    }


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    house = Lakehouse(tmp_path_factory.mktemp("sources"), target)
    streams: dict[str, Any] = {**_spend(), **_reports(), **_people(), **_tickets(), **_crm()}
    house.fill(as_of=worlds.AS_OF, **streams)
    selected = [f"+{mart}" for mart in (*MARTS, "dim_contacts", "dim_accounts", "watermarks")]
    return house.build(*selected, tests="buildable")


def test_ad_details_and_what_is_unallocated(sources: Lakehouse) -> None:
    assert sources.rows(
        "select campaign_id, level, ad_id, vertical, spend, spend_base, clicks "
        "from marts.fct_ad_spend_detail_daily order by 1, 2, 3"
    ) == [
        ("google/1/a", "ad", "1", "public", Decimal("60.0000"), Decimal("60.0000"), 3),
        ("google/1/a", "ad", "2", "public", Decimal("30.5000"), Decimal("30.5000"), 3),
        ("google/1/a", "unallocated", None, "public", Decimal("9.5000"), Decimal("9.5000"), None),
        ("google/1/b", "ad", None, None, Decimal("10.2500"), Decimal("10.2500"), 3),
        ("google/1/b", "unallocated", None, None, Decimal("-0.2500"), Decimal("-0.2500"), None),
        ("google/1/c", "ad", None, None, Decimal("1.0000"), Decimal("1.0000"), 3),
    ]


def test_daily_reports_in_their_latest_restatement(sources: Lakehouse) -> None:
    assert sources.rows(
        "select channel_group, campaign, sessions from marts.fct_web_analytics_daily order by 3"
    ) == [("Direct", "spring", 1), ("Direct", None, 6)]
    assert sources.rows(
        "select level, post_id, impressions from marts.fct_social_daily order by 1"
    ) == [("page", None, 9), ("post", "1", 4)]
    assert sources.rows(
        "select product_account_id, user_key, uses from marts.fct_product_usage_daily"
    ) == [("7", "user-paul", 3)]
    assert sources.rows("select title, buyer_siren from marts.fct_tender_notices") == [
        ("Logiciels", "217500016")
    ]


def test_meetings_know_their_host_as_a_crm_owner(sources: Lakehouse) -> None:
    assert sources.rows(
        "select status, email_key, owner_id, starts_on, duration_minutes from marts.fct_meetings"
    ) == [("held", "key-paul", "o2", date(2026, 4, 1), 45)]


def test_forms_keep_the_page_without_its_query(sources: Lakehouse) -> None:
    assert sources.rows(
        "select submission_id, page_host, page_path, occurred_on "
        "from marts.fct_form_submissions order by 1"
    ) == [
        ("1", "www.hub.example", "/demo", date(2026, 4, 1)),
        ("2", "hub.example", None, date(2026, 4, 1)),
        ("3", None, "/demo", date(2026, 4, 1)),
    ]


def test_sales_activities_of_one_time_stay_apart(sources: Lakehouse) -> None:
    assert sources.rows(
        "select activity_type, activity_number, owner_id, occurred_on "
        "from marts.fct_sales_activities order by 2"
    ) == [
        ("inmail_sent", 1, None, date(2026, 4, 1)),
        ("inmail_sent", 2, "o2", date(2026, 4, 1)),
        ("inmail_sent", 3, "o2", date(2026, 4, 1)),
    ]


def test_tickets_of_all_sources_in_one_vocabulary(sources: Lakehouse) -> None:
    assert sources.rows(
        "select source, ticket_id, status, hours_to_first_reply, hours_to_close, closed_at is null "
        "from marts.fct_support_tickets order by 1, 2"
    ) == [
        ("crm", "1", "closed", None, 12, False),
        ("crm", "2", "open", None, None, True),  # opened again
        ("crm", "3", "closed", None, 12, False),  # a stage nobody described
        ("crm", "4", "open", None, None, True),
        ("intercom", "1", "closed", 0.5, 24, False),
        ("intercom", "2", "pending", 0.5, None, True),
    ]
    assert sources.rows(
        "select vertical, email_key, account_id, contact_id from marts.fct_support_tickets "
        "where source = 'crm' and ticket_id = '4'"
    ) == [("medical", "key-paul", "key-c", "key-p")]
    assert (
        sources.one(
            "select distinct owner_id from marts.fct_support_tickets where source = 'intercom'"
        )
        == "o2"
    )


def test_tasks_and_engagements_are_activities(sources: Lakehouse) -> None:
    assert sources.rows(
        "select activity_type, activity_id, status, crm_status, due_at, completed_at "
        "from marts.fct_crm_activities order by 1, 2"
    ) == [
        ("call", "1", "completed", "connected", LATE, LATE),
        ("meeting", "3", "canceled", "no_show", LATE, None),
        ("meeting", "4", "open", None, datetime(2027, 1, 1), None),
        ("note", "5", "completed", None, LATE, LATE),
        ("other", "7", "completed", None, LATE, LATE),  # a type nobody foresaw
        ("task", "1", "open", "waiting", THEN, None),
        ("task", "2", "completed", "completed", THEN, LATE),
    ]
    assert sources.rows(
        "select account_id, contact_id, deal_id from marts.fct_crm_activities "
        "where activity_id in ('1', '5', '7') and activity_type <> 'call' order by activity_type"
    ) == [(None, None, "d"), ("key-c", None, None), (None, "key-p", None)]


def test_what_else_the_crm_says(sources: Lakehouse) -> None:
    assert sources.rows(
        "select object_type, object_id, property, change_number, value, changed_on "
        "from marts.crm_property_changes order by 1, 2, 3, 4"
    ) == [
        ("contacts", "key-p", "email", 1, None, date(2026, 4, 1)),
        ("contacts", "key-p", "lifecyclestage", 1, "customer", date(2026, 4, 1)),  # merged into p
        ("contacts", "key-p", "lifecyclestage", 2, "lead", date(2026, 4, 1)),
        ("contacts", None, "lifecyclestage", 1, "lead", date(2026, 4, 1)),
        ("contacts", None, "lifecyclestage", 2, "lead", date(2026, 4, 1)),
        ("deals", "d", "dealstage", 1, "won", date(2026, 4, 1)),
    ]
    assert sources.rows(
        "select list_id, members, reported_members from marts.crm_lists order by 1"
    ) == [
        ("1 sets", 2, None),
        ("2 sets", 1, None),
        ("3 sets", 0, None),
        ("4 sets", 1, None),
        ("empty", 0, None),
        ("l", 1, 4),
    ]
    assert sources.rows(
        "select object_type, stage_id, is_closed, is_archived from marts.crm_stages order by 1, 2"
    ) == [
        ("deals", "1", None, True),
        ("tickets", "1", False, False),
        ("tickets", "4", True, False),
    ]


def test_associations_name_contacts_and_companies_by_their_keys(sources: Lakehouse) -> None:
    assert sources.rows(
        "select from_type, from_id, to_type, to_id, pair_number from marts.crm_associations "
        "where from_type <> 'tasks' order by 1, 2, 3, 4 nulls last, 5"
    ) == [
        ("companies", "key-c", "contacts", None, 1),
        ("companies", "key-c", "contacts", None, 2),
        ("contacts", "key-p", "companies", "key-c", 1),
        ("contacts", "key-p", "deals", "e", 1),
        ("deals", "d", "contacts", "key-p", 1),
    ]


def test_a_set_read_later_ends_what_is_not_in_it(sources: Lakehouse) -> None:
    """{7, 8}, then {8}, then {}, then {7}: what holds after each."""
    now = [("1 sets", "7"), ("1 sets", "8"), ("2 sets", "8"), ("4 sets", "7")]
    assert now == sources.rows(
        "select from_id, to_id from marts.crm_associations where from_type = 'tasks' order by all"
    )
    assert now == sources.rows(
        "select list_id, crm_id from staging.stg_crm__list_members "
        "where list_id like '% sets' order by all"
    )


def test_each_stream_has_its_own_rows_of_a_shared_mart(sources: Lakehouse) -> None:
    shared = ("support_tickets", "crm_tickets", "crm_tasks", "crm_engagements", "ad_spend_details")
    assert sources.rows(
        "select source, row_count from marts.watermarks "
        f"where hop = 'warehouse' and source in {shared} order by source"
    ) == [
        ("ad_spend_details", 4),
        ("crm_engagements", 5),
        ("crm_tasks", 2),
        ("crm_tickets", 4),
        ("support_tickets", 2),
    ]


@pytest.mark.parametrize("mart", MARTS)
def test_no_direct_identifier_is_published(sources: Lakehouse, mart: str) -> None:
    text = str(sources.rows(f"select * from marts.{mart}")).lower()
    assert text != "[]"
    for identifier in ("@", "paul martin", "+336", "/in/", "ghost"):
        assert identifier not in text
