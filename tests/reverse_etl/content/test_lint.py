"""The lint finds each kind of fault where it is, and nothing in what is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverse_etl.content.library import Library, Rendered, Request
from reverse_etl.content.lint import ERROR, WARNING, lint
from reverse_etl.content.preview import preview, samples
from reverse_etl.content.sms import EXTENSION, GSM_7
from tests.reverse_etl.content.folders import TEMPLATE, folder, mjml
from workspace.definitions.reading import read
from workspace.definitions.templates import ENDED_BY_UNSUBSCRIBING, Rules, load_rules
from workspace.definitions.verticals import Verticals
from workspace.paths import PROJECT

MARKETING = PROJECT / "marketing"
HOSTS = {"www.chirurgieprox.example", "app.chirurgieprox.example"}
SMS = TEMPLATE.replace("[email]", "[email, sms, push]")
CALM = {"fr/sms.txt": "x STOP", "fr/push.yml": "title: x\nbody: y\n"}


def findings(
    tmp_path: Path, files: dict[str, str], template: str = TEMPLATE, **rules: object
) -> list[tuple[str, int, str, str]]:
    root = folder(tmp_path, files, template)
    with Library.load(root) as library:
        found = lint(library, Rules.model_validate(rules), HOSTS)
    base = root / "templates" / "t"
    return [(str(f.path.relative_to(base)), f.line, f.severity, f.rule) for f in found]


def test_a_good_template_has_none(tmp_path: Path) -> None:
    assert findings(tmp_path, {}) == []


def body(text: str) -> dict[str, str]:
    return {"fr/email.mjml": mjml("{{ first_name }} {{ link }} vingt caractères\n" + text)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"fr/email.mjml": mjml("{{ first_name }} {{ link }} vingt caractères", "x")},
            {
                ("fr/email.mjml", 1, ERROR, "unsubscribe"),
                ("fr/email.mjml", 1, ERROR, "postal_address"),
            },
        ),
        (
            # A comment and what is hidden is not read by anybody; neither is one branch by all.
            {
                "fr/email.mjml": mjml(
                    "{{ first_name }} {{ link }} vingt caractères",
                    '<span style="display:none"><a href="{{ unsubscribe_url }}">x</a></span>'
                    "{% if first_name %}{{ postal_address }}{% endif %}",
                ),
                "fr/email.txt": "{{ unsubscribe_url }} {{ postal_address }} vingt caractères",
            },
            {
                ("fr/email.mjml", 1, ERROR, "unsubscribe"),
                ("fr/email.mjml", 1, ERROR, "postal_address"),
            },
        ),
        (
            {"fr/email.txt": "Un texte qui ne dit rien de plus.", **body("")},
            {
                ("fr/email.txt", 1, ERROR, "unsubscribe"),
                ("fr/email.txt", 1, ERROR, "postal_address"),
            },
        ),
        (
            body('<img src="https://www.chirurgieprox.example/a.png" />'),
            {("fr/email.mjml", 3, ERROR, "alt")},
        ),
        (
            body('<a href="https://elsewhere.example/x">x</a>'),
            {("fr/email.mjml", 3, ERROR, "host")},
        ),
        (
            body('<a href="https://www.chirurgieprox.example.evil.example/">x</a>'),
            {("fr/email.mjml", 3, ERROR, "host")},
        ),
        (
            body("\n<b>Cliquez</b> ici"),
            {("fr/email.mjml", 4, WARNING, "spam")},
        ),
        (
            {"fr/subject.txt": "CLIQUEZ ICI {{ first_name }}"},
            {("fr/subject.txt", 1, WARNING, "spam")},
        ),
        ({"fr/subject.txt": "cliquez icirement"}, set()),
        (
            {"fr/subject.txt": "x" * 61},
            {("fr/subject.txt", 1, WARNING, "subject")},
        ),
        (
            {"fr/preheader.txt": "x" * 111},
            {("fr/preheader.txt", 1, WARNING, "preheader")},
        ),
        (body("x " * 52_000), {("fr/email.mjml", 1, ERROR, "size")}),
    ],
)
def test_mails(
    tmp_path: Path, files: dict[str, str], expected: set[tuple[str, int, str, str]]
) -> None:
    assert set(findings(tmp_path, files, spam_phrases={"fr": ["cliquez ici"]})) == expected


def test_a_transactional_mail_needs_no_unsubscribing(tmp_path: Path) -> None:
    template = TEMPLATE.replace("class: marketing", "class: transactional")
    files = {"fr/email.mjml": mjml("{{ first_name }} {{ link }} vingt caractères", "x")}
    assert findings(tmp_path, files, template) == []


def test_no_preheader(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "templates" / "t" / "fr" / "preheader.txt").unlink()
    with Library.load(root) as library:
        assert [f.rule for f in lint(library, Rules(), HOSTS)] == ["preheader"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"fr/sms.txt": "rien"}, ("fr/sms.txt", 1, ERROR, "unsubscribe")),
        ({"fr/sms.txt": "\nSTOP\nça"}, ("fr/sms.txt", 2, WARNING, "encoding")),
        ({"fr/sms.txt": "STOP " + "x" * 310}, ("fr/sms.txt", 1, WARNING, "segments")),
        (
            {"fr/push.yml": f"body: y\ntitle: {'x' * 51}\n"},
            ("fr/push.yml", 2, WARNING, "title"),
        ),
        ({"fr/push.yml": f"title: y\nbody: {'x' * 151}\n"}, ("fr/push.yml", 2, WARNING, "body")),
    ],
)
def test_text_messages_and_push(
    tmp_path: Path, files: dict[str, str], expected: tuple[str, int, str, str]
) -> None:
    assert findings(tmp_path, {**CALM, **files}, SMS) == [expected]


def test_what_is_declared_and_not_used(tmp_path: Path) -> None:
    template = TEMPLATE + "  spare: {from: contact.city}\n"
    assert findings(tmp_path, {}, template) == [("template.yml", 10, WARNING, "unused")]


@pytest.fixture(scope="module")
def shipped() -> Library:
    with Library.load(MARKETING) as library:
        return library


def test_what_is_shipped_is_clean(shipped: Library) -> None:
    verticals = read(MARKETING / "verticals.yml", Verticals).verticals.values()
    hosts = {host for vertical in verticals for host in vertical.hosts}
    assert [str(f) for f in lint(shipped, load_rules(MARKETING), hosts)] == []
    shipped.close()


def test_what_is_shipped(shipped: Library) -> None:
    entries = shipped.entries.values()
    assert len(entries) >= 12 and all(entry.template.approved for entry in entries)
    assert {entry.template.vertical for entry in entries} == {"medical", "public"}
    parts = [part for entry in entries for part in entry.parts]
    assert len({e.key for e in entries for channel, _ in e.parts if channel == "sms"}) >= 2
    assert any(channel == "push" for channel, _ in parts)
    assert any(channel == "landing" for channel, _ in parts)
    assert all(entry.template.language == "fr" for entry in entries)
    for entry in entries:
        for channel, language in entry.parts:
            required = shipped.required_fields(entry.key, channel, language)
            sources = {field.source for field in required}
            if channel == "email" and entry.template.class_ in ENDED_BY_UNSUBSCRIBING:
                assert "message.unsubscribe_url" in sources
            # Who has only this is sent something.
            values = {s: v for s, v in samples(shipped, entry.key).items() if s in sources}
            (answer,) = shipped.render([Request(entry.key, channel, language, values)])
            assert isinstance(answer, Rendered), answer
            for text in answer.content.values():
                assert "{{" not in text and "{%" not in text and "\x1f" not in text
                assert "None" not in text
            if channel == "sms":
                assert set(answer.text or "") <= GSM_7 | EXTENSION and answer.segments == 1
            # And who lacks one of these is not.
            for source in sources:
                less = {s: v for s, v in values.items() if s != source}
                (refused,) = shipped.render([Request(entry.key, channel, language, less)])
                assert refused.reason == "missing_value", (entry.key, source)  # type: ignore[union-attr]
    shipped.close()


def test_a_preview_says_what_is_made_up(shipped: Library) -> None:
    from reverse_etl.content.people import Person
    from reverse_etl.content.preview import page

    person = Person("c", {"contact.first_name": "<b>Ana", "contact.language": "en"})
    found = preview(shipped, "medical_demo_no_show", "email", None, person)
    assert not hasattr(found, "reason")
    assert found.message.language == "en" and "Hello <b>Ana," in (found.message.text or "")  # type: ignore[union-attr]
    assert "event.demo_on" in found.sample and "contact.first_name" not in found.sample  # type: ignore[union-attr]
    shown = page(shipped, MARKETING, found)  # type: ignore[arg-type]
    assert "<b>Ana" not in shown and 'sandbox=""' in shown and "<script" not in shown
    assert "data:image/png;base64," in shown and "/assets/" not in shown
    nobody = preview(shipped, "public_weekly_digest", "email", "fr", Person("c", {}))
    assert nobody.reason == "missing_value" and nobody.field == "title_1"  # type: ignore[union-attr]
    shipped.close()
