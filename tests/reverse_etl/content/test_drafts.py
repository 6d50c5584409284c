"""Drafts, offline and by a model behind a stand-in: whatever is drafted, nothing of it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from reverse_etl.content.drafts import (
    Brief,
    DraftError,
    KeywordAnalyzer,
    NearestTemplate,
    land,
    text_of,
)
from reverse_etl.content.library import Library, Rendered, Request
from reverse_etl.content.preview import preview
from sandbox.servers.base import serving
from tests.reverse_etl.content.folders import TEMPLATE, VALUES, folder
from workspace.definitions.reading import DefinitionError
from workspace.paths import PROJECT

MARKETING = PROJECT / "marketing"
KEY = "stand-in-key-canary"
BRIEF = Brief("Inviter à un webinaire sur le télésuivi", "medical")
WORDS = {
    "name": "Webinaire",
    "subject": "Un webinaire pour vous, {{ first_name }}",
    "preheader": "Une heure sur le télésuivi.",
    "paragraphs": [
        "Bonjour {{ first_name }},",
        "Une heure & deux exemples.\n<b>Inscrivez-vous</b>.",
    ],
    "button": "S'inscrire",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    root = folder(tmp_path)
    shared = root / "templates" / "_shared"
    for path in (MARKETING / "templates" / "_shared").rglob("*.*"):
        target = shared / path.relative_to(MARKETING / "templates" / "_shared")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (root / "assets").mkdir()
    for path in (MARKETING / "assets").iterdir():
        (root / "assets" / path.name).write_bytes(path.read_bytes())
    return root


def send(root: Path, key: str) -> Any:
    with Library.load(root) as library:
        return library.render([Request(key, "email", "fr", VALUES)])[0]


def test_a_copy_lands_as_a_draft(home: Path) -> None:
    with Library.load(home) as library:
        files = NearestTemplate(library).draft(BRIEF)
    entry = land(home, "webinar", files)
    assert not entry.template.approved and entry.template.drafted_by == "a copy of t"
    assert entry.template.description == BRIEF.text
    assert send(home, "webinar").reason == "draft"
    path = home / "templates" / "webinar" / "template.yml"
    path.write_text(path.read_text().replace("approved: false", "approved: true"))
    assert isinstance(send(home, "webinar"), Rendered)


def test_the_nearest_template() -> None:
    with Library.load(MARKETING) as library:
        drafter = NearestTemplate(library)
        for text, key in (
            ("relancer ceux qui ont manqué la démo", "medical_demo_no_show"),
            ("la fin de l'essai gratuit approche", "medical_trial_day_10"),
        ):
            assert f"a copy of {key}" in drafter.draft(Brief(text, "medical"))["template.yml"]
        with pytest.raises(DraftError):
            drafter.draft(Brief("x", "public", "en"))


@pytest.mark.parametrize(
    ("key", "files", "told"),
    [
        ("t", {}, "exists"),
        ("../x", {}, "no key"),
        ("a", {"../t/template.yml": "x"}, "no file of a template"),
        ("a", {"fr/run.py": "x"}, "no file of a template"),
        ("a", {"/etc/x.txt": "x"}, "no file of a template"),
        ("a", {"template.yml": TEMPLATE}, "approved: false"),
        ("a", {"template.yml": "name: ["}, "template.yml"),
        ("a", {"template.yml": TEMPLATE + "approved: false\n"}, "is no template"),
        (
            "a",
            {
                "template.yml": TEMPLATE + "approved: false\n",
                "fr/subject.txt": "{{ secret }}",
                "fr/email.mjml": "<mjml><mj-body></mj-body></mjml>",
            },
            "no field 'secret'",
        ),
    ],
)
def test_what_cannot_land(home: Path, key: str, files: dict[str, str], told: str) -> None:
    with pytest.raises(DraftError, match=told):
        land(home, key, files)
    assert sorted(path.name for path in (home / "templates").iterdir()) == ["_shared", "t"]


def test_an_approved_draft_needs_a_person_not_a_word(home: Path) -> None:
    """A draft that says it is approved in another way is no template at all."""
    for line in ("approved: 'true'", "approved: yes please", "Approved: true"):
        with pytest.raises((DraftError, DefinitionError)):
            land(home, "a", {"template.yml": TEMPLATE + line + "\n"})


def test_analysis() -> None:
    found = KeywordAnalyzer(["La facturation du cabinet.", "Le cabinet et ses achats."]).analyze(
        "Le télésuivi des patients. Le télésuivi aide le cabinet, {{ first_name }}."
    )
    assert (found.language, found.words, found.longest_sentence_words) == ("fr", 6, 3)
    assert found.keywords[0][0] == "télésuivi" and "cabinet" not in dict(found.keywords[:2])
    assert KeywordAnalyzer().analyze("What would you have for this?").language == "en"
    assert KeywordAnalyzer().analyze("").keywords == ()


def test_a_templates_words() -> None:
    with Library.load(MARKETING, {"medical_nps"}) as library:
        entry = library.entries["medical_nps"]
    assert "Recommanderiez-vous" in text_of(entry, "fr") and "<" not in text_of(entry)
    assert "Recommanderiez-vous" not in text_of(entry, "en")


@contextmanager
def model(*answers: Any) -> Iterator[tuple[dict[str, str], list[HttpRequest], list[Any]]]:
    """A stand-in for the API that gives these answers, the last one ever after."""
    asked: list[HttpRequest] = []
    bodies: list[Any] = []
    left = list(answers)

    async def messages(request: HttpRequest) -> Response:
        asked.append(request)
        bodies.append(await request.json())
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, int):
            error = {"type": "error", "error": {"type": "api_error", "message": "no"}}
            return Response(json.dumps(error), given, {"retry-after-ms": "1"}, "application/json")
        content = (
            [{"type": "text", "text": given}]
            if isinstance(given, str)
            else [{"type": "tool_use", "id": "t1", "name": "written", "input": given}]
        )
        message = {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": "stand-in",
            "content": content,
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        return Response(json.dumps(message), 200, media_type="application/json")

    with serving(Starlette(routes=[Route("/v1/messages", messages, methods=["POST"])])) as url:
        settings = {
            "MARKETING_ANTHROPIC_KEY": KEY,
            "MARKETING_ANTHROPIC_URL": url,
            "MARKETING_ANTHROPIC_MODEL": "stand-in",
        }
        yield settings, asked, bodies


def claude() -> Any:
    pytest.importorskip("anthropic")
    from reverse_etl.content import claude

    return claude


def test_a_model_drafts(home: Path) -> None:
    module = claude()
    with model(503, WORDS) as (settings, asked, bodies), Library.load(home) as library:
        drafter = module.ClaudeDrafter(module.Claude(settings), library.senders)
        files = drafter.draft(BRIEF)
    assert len(asked) == 2  # the first was refused for a moment
    assert KEY in asked[0].headers.get("authorization", asked[0].headers.get("x-api-key", ""))
    assert bodies[1]["tool_choice"] == {"type": "tool", "name": "written"}
    assert BRIEF.text in json.dumps(bodies[1], ensure_ascii=False)
    entry = land(home, "webinar", files)
    assert entry.template.drafted_by == "stand-in" and not entry.template.approved
    assert send(home, "webinar").reason == "draft"
    with Library.load(home) as library:
        found = preview(library, "webinar", "email", "fr")
    message = found.message  # type: ignore[union-attr]
    assert message.subject == "Un webinaire pour vous, Camille"
    assert "<b>Inscrivez-vous</b>" in (message.text or "")  # its markup is text
    assert "&lt;b&gt;Inscrivez-vous" in (message.html or "")
    assert "Se désabonner" in (message.text or "")


@pytest.mark.parametrize(
    "words",
    [
        {**WORDS, "paragraphs": ["{{ ''.__class__ }}"]},
        {**WORDS, "subject": "{{ email }}"},
        {**WORDS, "button": "{% include 'x' %}"},
    ],
)
def test_a_model_says_no_more_than_a_template_may(home: Path, words: dict[str, Any]) -> None:
    module = claude()
    with model(words) as (settings, _, _), Library.load(home) as library:
        files = module.ClaudeDrafter(module.Claude(settings), library.senders).draft(BRIEF)
    with pytest.raises(DraftError):
        land(home, "webinar", files)
    assert not (home / "templates" / "webinar").exists()


@pytest.mark.parametrize(
    "answer",
    [
        "I would rather not.",
        {"subject": "x"},
        {**WORDS, "subject": "a\r\nBcc: x"},
        {**WORDS, "approved": True},
        {**WORDS, "paragraphs": []},
        {**WORDS, "paragraphs": ["x" * 2_000]},
        400,
        401,
    ],
)
def test_a_model_that_gives_no_draft(home: Path, answer: Any) -> None:
    module = claude()
    with model(answer) as (settings, _, _), Library.load(home) as library:
        drafter = module.ClaudeDrafter(module.Claude(settings), library.senders)
        with pytest.raises(DraftError) as refused:
            drafter.draft(BRIEF)
    assert KEY not in str(refused.value)


def test_a_model_analyses() -> None:
    module = claude()
    with model({"keywords": ["télésuivi", "patients"]}) as (settings, _, bodies):
        found = module.ClaudeAnalyzer(module.Claude(settings)).analyze("Le suivi {{ first_name }}.")
    assert found.keywords == (("télésuivi", 1.0), ("patients", 0.5)) and found.words == 1
    assert "first_name" not in json.dumps(bodies)


def test_a_model_needs_a_key() -> None:
    module = claude()
    with pytest.raises(DraftError, match="MARKETING_ANTHROPIC_KEY"):
        module.Claude({})
