"""Typeform's API: forms, their definitions and their responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Person,
    answer,
    bearer,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ENVIRONMENT = {"MARKETING_TYPEFORM_TOKEN": SECRET}
COMMENTS = ["", "Très bon accompagnement", "Prise en main un peu longue", "Gain de temps réel"]
#: Type, title and properties of the questions of a contact form.
CONTACT = [
    ("short_text", "Quel est votre prénom ?", {}),
    ("short_text", "Et votre nom ?", {}),
    ("email", "Votre adresse e-mail professionnelle", {}),
    ("phone_number", "Où vous joindre ?", {}),
    ("short_text", "Nom de votre établissement", {}),
    ("long_text", "Votre besoin", {}),
]
#: The score question of each type of survey.
SCORE = {
    "nps": ("opinion_scale", "Nous recommanderiez-vous ?", {"steps": 11, "start_at_one": False}),
    "csat": ("rating", "Êtes-vous satisfait de la réponse ?", {"steps": 5, "shape": "star"}),
    "other": ("opinion_scale", "Quelle est votre aisance ?", {"steps": 7, "start_at_one": True}),
}


def make(
    people: Sequence[Person],
    end: datetime,
    seed: int = 7,
    surveys: Sequence[Mapping[str, Any]] | None = None,
) -> Data:
    """A contact form that each person filled, one that nobody did, and surveys.

    ``surveys`` are given answers instead of the made-up ones: response_id, survey, question_type,
    vertical, email, user_id, score, comment and answered_at.
    """
    rng = stream("typeform", seed)
    data: Data = {"forms": [], "responses": {}}
    contact = _add_form(data, "Être rappelé", CONTACT)
    _add_form(data, "Inscription au comité d'utilisateurs", CONTACT)
    for i, (person, time) in enumerate(
        zip(people, moments(rng, end, 200, len(people)), strict=True)
    ):
        phone = f"+336{rng.randint(10_000_000, 99_999_999)}"
        values = [
            person.first_name,
            person.last_name,
            person.email,
            phone,
            person.organisation,
            "Une démonstration pour notre équipe.",
        ]
        source = [("google", "cpc", "marque"), ("newsletter", "email", "printemps")][i % 2]
        hidden = dict(zip(("utm_source", "utm_medium", "utm_campaign"), source, strict=True))
        _respond(data, contact, f"c{i:06d}", time, values, {**hidden, "vertical": person.vertical})
    forms: dict[tuple[str, str], Any] = {}
    for given in _made_up(people, end, seed) if surveys is None else surveys:
        _add_survey(data, forms, given)
    return data


def _made_up(people: Sequence[Person], end: datetime, seed: int) -> list[dict[str, Any]]:
    """Each person answered the NPS survey, one in three also a CSAT."""
    rng = stream("typeform surveys", seed)
    found = []
    for i, (person, time) in enumerate(
        zip(people, moments(rng, end, 100, len(people)), strict=True)
    ):
        for kind in ("nps", "csat") if i % 3 == 0 else ("nps",):
            found.append(
                {
                    "response_id": f"{kind}{i:06d}",
                    "survey": {"nps": "Enquête annuelle", "csat": "Après un ticket"}[kind],
                    "question_type": kind,
                    "vertical": person.vertical,
                    "email": person.email,
                    "user_id": person.user_id,
                    "score": rng.randint(3, 10) if kind == "nps" else rng.randint(1, 5),
                    "comment": rng.choice(COMMENTS),
                    "answered_at": (time + timedelta(minutes=len(kind))).isoformat(),
                }
            )
    return found


def _add_form(data: Data, title: str, questions: Sequence[tuple[str, str, Any]]) -> dict[str, Any]:
    key = f"frm{len(data['forms']):05d}"
    form = {
        "id": key,
        "title": title,
        "fields": [
            {
                "id": f"{key}q{i}",
                "ref": f"{key}-ref-{i}",
                "title": question,
                "type": kind,
                "properties": dict(properties),
            }
            for i, (kind, question, properties) in enumerate(questions)
        ],
    }
    data["forms"].append(form)
    data["responses"][key] = []
    return form


def _add_survey(data: Data, forms: dict[tuple[str, str], Any], given: Mapping[str, Any]) -> None:
    key = (given["survey"], given["question_type"])
    if key not in forms:
        questions = [SCORE[key[1]], ("long_text", "Pourquoi cette note ?", {})]
        forms[key] = _add_form(data, given["survey"], questions)
    score = given["score"]
    values = [None if score in (None, "") else int(score), given["comment"] or None]
    hidden = {name: given[name] for name in ("email", "user_id", "vertical")}
    time = datetime.fromisoformat(given["answered_at"]).replace(tzinfo=None)
    _respond(data, forms[key], given["response_id"], time, values, hidden)


def _respond(
    data: Data,
    form: Mapping[str, Any],
    token: str,
    time: datetime,
    values: Sequence[Any],
    hidden: Mapping[str, Any],
) -> None:
    data["responses"][form["id"]].append(
        {
            "landing_id": token,
            "token": token,
            "response_id": token,
            "landed_at": _second(time - timedelta(minutes=1)),
            "submitted_at": _second(time),
            "metadata": {
                "platform": "other",
                "referer": f"https://editeur.typeform.example/to/{form['id']}",
                "network_id": "3a1f",
            },
            "hidden": dict(hidden),
            "calculated": {"score": 0},
            "answers": [
                _answer(question, value)
                for question, value in zip(form["fields"], values, strict=True)
                if value is not None
            ],
        }
    )


def _answer(question: Mapping[str, Any], value: Any) -> dict[str, Any]:
    kind = question["type"]
    name = {"email": "email", "phone_number": "phone_number"}.get(kind, "text")
    name = "number" if isinstance(value, int) else name
    field = {"id": question["id"], "ref": question["ref"], "type": kind}
    return {"field": field, "type": name, name: value}


def counts(data: Data) -> dict[str, int]:
    responses = [response for found in data["responses"].values() for response in found]
    return {
        "submissions": len(responses),
        "nps": sum(
            any(a["field"]["type"] in ("nps", "opinion_scale", "rating") for a in r["answers"])
            for r in responses
        ),
    }


def app(data: Data, page_size: int = 1000) -> Starlette:
    async def forms(request: Request) -> Response:
        bearer(request)
        query = request.query_params
        size = number(query.get("page_size"), 10, min(200, page_size))
        found, _ = page_of(data["forms"], (number(query.get("page"), 1) - 1) * size, size)
        items = [{"id": form["id"], "title": form["title"]} for form in found]
        count = len(data["forms"])
        return answer({"total_items": count, "page_count": -(-count // size), "items": items})

    async def form(request: Request) -> Response:
        bearer(request)
        key = request.path_params["id"]
        return answer(next(form for form in data["forms"] if form["id"] == key))

    async def responses(request: Request) -> Response:
        bearer(request)
        query = request.query_params
        low, high = query.get("since", ""), query.get("until", "9999")
        found = [
            response
            for response in data["responses"][request.path_params["id"]]
            if low <= response["submitted_at"].rstrip("Z") <= high
        ]
        found.sort(key=lambda response: (response["submitted_at"], response["token"]), reverse=True)
        tokens = [response["token"] for response in found]
        if query.get("before"):
            found = found[tokens.index(query["before"]) + 1 :]
        size = number(query.get("page_size"), 25, min(1000, page_size))
        items, _ = page_of(found, 0, size)
        return answer(
            {"total_items": len(found), "page_count": -(-len(found) // size), "items": items}
        )

    return starlette(
        Route("/forms", forms),
        Route("/forms/{id}", form),
        Route("/forms/{id}/responses", responses),
    )


def _second(time: datetime) -> str:
    return time.isoformat(timespec="seconds") + "Z"
