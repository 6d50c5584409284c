"""Typeform: the responses to forms, as submissions and, where a score was given, as surveys.

Responses come newest first and are paged by the token of the last one; 2 calls a second are
allowed. A response does not change, but may take half an hour to show, so two hours are asked for
again. A response's questions are found in the definition of its form, which is asked for only
where there are responses. Both resources ask the same endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ingestion.saas.values import at, key_of, named, own_name
from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import (
    Page,
    Pull,
    PullError,
    Record,
    Resource,
    Row,
    Rows,
    Source,
    Variable,
)

PAGE_SIZE = 1000
FORMS_PAGE_SIZE = 200
LOOK_BACK = timedelta(hours=2)
#: Types of questions whose answer is a score.
SCORED = ("nps", "opinion_scale", "rating")
#: What the type of a question says its answer is.
TYPED = {"email": "email", "phone_number": "phone"}


def _pages(pull: Pull) -> Iterator[Page]:
    forms = rest.each(
        pull,
        "/forms",
        "items",
        rest.numbered("page", 1, "page_count"),
        params={"page_size": FORMS_PAGE_SIZE},
    )
    for form in forms:
        path, parent = f"/forms/{key_of(form)}", b""
        for page in _responses(pull, f"{path}/responses"):
            parent = parent or lines.encoded(_form(_get(pull, path, {})))
            yield Page(page.body, page.request, parent)


def _responses(pull: Pull, path: str) -> Iterator[Page]:
    """The pages of a form's responses that hold any."""
    window = pull.window
    params = {
        "since": _second(window.start),
        "until": _second(window.end),
        "page_size": PAGE_SIZE,
    }
    while True:
        body = _get(pull, path, params)
        answer = lines.decoded(body)
        found = lines.records_at(answer, "items")
        if not found:
            return
        yield Page(body, f"GET {path} before {params.get('before', 'the end')}")
        token = key_of(found[-1], "token")
        if at(answer, "page_count") == 1:
            return
        if token == params.get("before"):
            raise PullError(f"GET {path}: the same page twice")
        params["before"] = token


def _get(pull: Pull, path: str, params: Mapping[str, Any]) -> bytes:
    return pull.session.get(pull.url + path, params=params, auth=pull.auth()).content


def _second(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _form(body: bytes) -> Row:
    """Id, title and questions of a form."""
    definition = lines.decoded(body)
    fields = lines.records_at(definition, "fields") if at(definition, "fields") else []
    return {"id": key_of(definition), "title": at(definition, "title"), "fields": _flat(fields)}


def _flat(fields: list[Any]) -> list[Row]:
    """Questions without their groups."""
    found = []
    for field in fields:
        inner = at(field, "properties.fields")
        if isinstance(inner, list):
            found += _flat(inner)
        else:
            names = ("id", "ref", "title", "type", "properties.steps", "properties.start_at_one")
            found.append({name.rsplit(".", 1)[-1]: at(field, name) for name in names})
    return found


def _value(answer: Any) -> Any:
    """What was answered; of a choice its label, or what was written instead of one."""
    found = answer[answer["type"]]
    if answer["type"] == "choice":
        return found.get("label") or found.get("other")
    return found


def _question(record: Record, answer: Any) -> Row:
    """The question of an answer, as the form puts it; empty where it was taken off the form."""
    wanted = answer["field"]["id"]
    return next((f for f in record["parent.fields"] if f["id"] == wanted), {})


def _own_names(record: Record, answer: Any) -> set[str | None]:
    """Our names for an answer, by its question's type, else by reference and title."""
    if answer["field"]["type"] in TYPED:
        return {TYPED[answer["field"]["type"]]}
    question = _question(record, answer)
    return {own_name(label) for label in (question.get("ref"), question.get("title")) if label}


def _given(name: str) -> Any:
    """An answer, else a hidden field."""

    def read(record: Record) -> Any:
        for answer in record["answers"] or []:
            if name in _own_names(record, answer):
                return _value(answer)
        return _hidden(name)(record)

    return read


def _hidden(name: str) -> Any:
    return lambda record: named((record["hidden"] or {}).items()).get(name)


def _scored(body: bytes) -> list[Any]:
    """The responses with an answer to a question that asks for a score."""
    return [item for item in lines.records_at(lines.decoded(body), "items") if _has_score(item)]


def _has_score(item: Any) -> bool:
    """Also true of what is no response or has odd answers, for the contract to refuse."""
    answers = item.get("answers") if isinstance(item, dict) else item
    if not isinstance(answers, list):
        return answers is not None
    fields = [answer.get("field") if isinstance(answer, dict) else None for answer in answers]
    return any(not isinstance(field, dict) or field.get("type") in SCORED for field in fields)


def _score_answer(record: Record) -> Any:
    return next((a for a in record["answers"] if a["field"]["type"] in SCORED), None)


def _question_type(record: Record) -> str:
    """0 to 10 is a net promoter score, 1 to 5 a satisfaction."""
    answer = _score_answer(record)
    question, asked = _question(record, answer), answer["field"]["type"]
    steps, from_one = question.get("steps"), bool(question.get("start_at_one"))
    if asked == "nps" or (asked == "opinion_scale" and steps == 11 and not from_one):
        return "nps"
    return "csat" if steps == 5 and (asked == "rating" or from_one) else "other"


def _comment(record: Record) -> Any:
    texts = (_value(a) for a in record["answers"] if a["field"]["type"] == "long_text")
    return next(texts, None)


SOURCE = Source(
    name="typeform",
    title="Typeform",
    module=__name__,
    url="https://api.typeform.com",
    variables=(
        Variable("MARKETING_TYPEFORM_TOKEN", "token with the scopes forms:read, responses:read"),
    ),
    auth=rest.bearer("MARKETING_TYPEFORM_TOKEN"),
    per_second=1.8,
    burst=1,
    resources=(
        Resource(
            name="submissions",
            kind="form_submissions",
            description="responses to all forms",
            endpoint="GET /forms, /forms/{id}/responses, /forms/{id}",
            pages=_pages,
            look_back=LOOK_BACK,
            rows=Rows(
                records="items",
                constants={"source": "typeform"},
                fields={
                    "submission_id": "token",
                    "form_id": "parent.id",
                    "form_name": "parent.title",
                    "vertical": _hidden("vertical"),
                    "email": _given("email"),
                    "phone": _given("phone"),
                    "first_name": _given("first_name"),
                    "last_name": _given("last_name"),
                    "organisation": _given("organisation"),
                    "page_url": "metadata.referer",
                    "utm_source": _hidden("utm_source"),
                    "utm_medium": _hidden("utm_medium"),
                    "utm_campaign": _hidden("utm_campaign"),
                    "occurred_at": "submitted_at",
                },
            ),
        ),
        Resource(
            name="nps",
            kind="surveys",
            description="responses that give a score",
            endpoint="GET /forms, /forms/{id}/responses, /forms/{id}",
            pages=_pages,
            look_back=LOOK_BACK,
            rows=Rows(
                records=_scored,
                fields={
                    "response_id": "token",
                    "survey": "parent.title",
                    "question_type": _question_type,
                    "vertical": _hidden("vertical"),
                    "email": _given("email"),
                    "user_id": _hidden("user_id"),
                    "score": lambda r: _value(_score_answer(r)),
                    "comment": _comment,
                    "occurred_at": "submitted_at",
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
