"""Typeform: paging by token, questions by their form, submissions and scores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.servers import typeform
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]


def survey(**more: Any) -> dict[str, Any]:
    return {
        "response_id": "r000001",
        "survey": "nps-2026-09",
        "question_type": "nps",
        "vertical": "medical",
        "email": "ana@hopital.example",
        "user_id": "usr_1",
        "score": "9",
        "comment": "Gain de temps réel",
        "answered_at": "2026-09-01T08:00:00Z",
        **more,
    }


def given(*surveys: dict[str, Any]) -> dict[str, Any]:
    return typeform.make([], END, surveys=surveys)


def test_it_goes_through_all_pages(new_vendor: New) -> None:
    vendor = new_vendor("typeform", page_size=3)
    result = vendor.run()
    assert result.errors == []
    assert {r.name: r.records for r in result.resources} == vendor.expected
    assert len({row["submission_id"] for row in vendor.rows("form_submissions")}) == 59
    assert len({row["response_id"] for row in vendor.rows("surveys")}) == 34


def test_a_form_of_many_pages_is_asked_by_token(new_vendor: New) -> None:
    vendor = new_vendor("typeform", page_size=10)
    vendor.pull(only=("submissions",))
    asked = [path for _, path in vendor.control.requests if "frm00000/responses" in path]
    assert ["before=" in path for path in asked] == [False, True, True]


def test_the_values_of_a_submission(new_vendor: New) -> None:
    vendor = new_vendor("typeform")
    vendor.run()
    row = next(r for r in vendor.rows("form_submissions") if r["submission_id"] == "c000000")
    person, response = PEOPLE[0], vendor.data["responses"]["frm00000"][0]
    assert (row["source"], row["form_id"]) == ("typeform", "frm00000")
    assert row["form_name"] == "Être rappelé"
    assert (row["first_name"], row["last_name"]) == (person.first_name, person.last_name)
    assert (row["email"], row["organisation"]) == (person.email, person.organisation)
    assert row["phone"].startswith("+336") and row["vertical"] == person.vertical
    assert (row["utm_source"], row["utm_medium"], row["utm_campaign"]) == (
        *("google", "cpc", "marque"),
    )
    assert row["page_url"].endswith("/to/frm00000")
    assert row["occurred_at"].strftime("%Y-%m-%dT%H:%M:%SZ") == response["submitted_at"]


def test_the_values_of_a_survey(new_vendor: New) -> None:
    vendor = new_vendor("typeform", given(survey()))
    vendor.run()
    (row,) = vendor.rows("surveys")
    assert (row["response_id"], row["survey"]) == ("r000001", "nps-2026-09")
    assert (row["question_type"], row["score"]) == ("nps", 9)
    assert (row["email"], row["user_id"]) == ("ana@hopital.example", "usr_1")
    assert (row["vertical"], row["comment"]) == ("medical", "Gain de temps réel")
    assert row["occurred_at"].replace(tzinfo=None) == datetime(2026, 9, 1, 8)


@pytest.mark.parametrize("kind", ["nps", "csat", "other"])
def test_the_type_of_a_question(new_vendor: New, kind: str) -> None:
    vendor = new_vendor("typeform", given(survey(question_type=kind, score=4, comment="")))
    vendor.run()
    (row,) = vendor.rows("surveys")
    assert (row["question_type"], row["score"], row["comment"]) == (kind, 4, None)


def test_without_a_score_it_is_a_submission_only(new_vendor: New) -> None:
    vendor = new_vendor("typeform", given(survey(score=""), survey(response_id="r000002")))
    result = vendor.run()
    assert {r.name: r.records for r in result.resources} == {"submissions": 2, "nps": 1}


def test_a_question_in_a_group_is_found(new_vendor: New) -> None:
    data = typeform.make(PEOPLE[:1], END, surveys=())
    form = data["forms"][0]
    inner = {"id": "g", "title": "Vous", "type": "group", "properties": {"fields": form["fields"]}}
    form["fields"] = [inner]
    vendor = new_vendor("typeform", data)
    vendor.run()
    (row,) = vendor.rows("form_submissions")
    assert row["first_name"] == PEOPLE[0].first_name


def test_a_choice_is_read_by_its_label(new_vendor: New) -> None:
    data = typeform.make(PEOPLE[:1], END, surveys=())
    answers = data["responses"]["frm00000"][0]["answers"]
    answers[4].update(type="choice", choice={"id": "x", "label": "CHU de Nantes"})
    vendor = new_vendor("typeform", data)
    vendor.run()
    assert vendor.rows("form_submissions")[0]["organisation"] == "CHU de Nantes"


def test_a_response_that_shows_late_is_found(new_vendor: New) -> None:
    vendor = new_vendor("typeform")
    vendor.run()
    responses = vendor.data["responses"]["frm00000"]
    late = (END - timedelta(minutes=30)).isoformat(timespec="seconds") + "Z"
    responses.append({**responses[0], "token": "late", "submitted_at": late})
    vendor.run(END + timedelta(hours=1))
    assert sum(load.good for load in vendor.loads) == 1


def test_a_changed_type_is_one_rejected_row(new_vendor: New) -> None:
    data = given(survey(), survey(response_id="r000002"), survey(response_id="r000003"))
    data["responses"]["frm00002"][1]["answers"][0]["number"] = {"value": 9}
    vendor = new_vendor("typeform", data)
    vendor.run()
    assert [row["field"] for row in vendor.rows("rejected_rows")] == ["score"]
    assert len(vendor.rows("surveys")) == 2


def test_odd_answers_are_rejected_by_both(new_vendor: New) -> None:
    vendor = new_vendor("typeform", given(survey(), survey(response_id="r000002")))
    vendor.data["responses"]["frm00002"][0]["answers"] = {"score": 9}
    vendor.run()
    assert len(vendor.rows("rejected_rows")) == 2
    assert len(vendor.rows("surveys")) == len(vendor.rows("form_submissions")) == 1
