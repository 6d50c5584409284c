"""MJML, the places a merge tag may stand in, and the text that follows from HTML."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverse_etl.content.library import Library, Request
from reverse_etl.content.markup import MarkupError, compile_mjml, included, to_text
from tests.reverse_etl.content.folders import VALUES, folder, mjml
from workspace.definitions.reading import DefinitionError


@pytest.mark.parametrize(
    "body",
    [
        "<script>{{ first_name }}</script>",
        "<script>1</script>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="JAVASCRIPT:alert(1)">x</a>',
        '<a href=" javascript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<a href="http://www.chirurgieprox.example/">x</a>',
        '<a href="//evil.example/">x</a>',
        '<a href="{{ first_name }}">x</a>',
        '<a href="https://{{ first_name }}/">x</a>',
        '<a href="https://www.{{ first_name|urlencode }}">x</a>',
        '<a href="https://a.example/{{ first_name }}">x</a>',
        '<a href="https://a.example/{{ first_name|urlencode|lower }}">x</a>',
        '<a href="{{ link }}?x={{ first_name }}">x</a>',
        '<a href="{{ link }}{{ link }}">x</a>',
        '<a href="{% if first_name %}https://a.example/{% endif %}">x</a>',
        '<a href="https://a.example/" onclick="x()">x</a>',
        '<b style="color:{{ first_name }}">x</b>',
        '<b class="{{ first_name }}">x</b>',
        '<b {{ first_name }}="">x</b>',
        '<img src="{{ first_name }}" alt="" />',
        '<img srcset="{{ link }}" src="https://a.example/a.png" alt="" />',
        "<style>{{ first_name }}</style>",
        "<!-- {{ first_name }} -->",
        '<iframe src="https://a.example/"></iframe>',
        '<form action="https://a.example/"></form>',
        '<object data="https://a.example/"></object>',
        '<base href="https://a.example/" />',
        '<!--[if mso]><a href="{{ first_name }}">x</a><![endif]-->',
        "<a href={{ link }}>x</a>",
    ],
)
def test_places_where_nothing_may_stand(tmp_path: Path, body: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        Library.load(folder(tmp_path, {"fr/email.mjml": mjml(body)}))
    assert all("fr/email.mjml:" in fault for fault in refused.value.faults)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="{{ link }}">{{ first_name }}</a>',
        '<a href="{{link}}" title="{{ first_name }}">x</a>',
        '<a href="https://a.example/{{ first_name|urlencode }}?x={{ link | urlencode }}">x</a>',
        '<a href="mailto:a@example.org">x</a>',
        '<a href="tel:+33100000000">x</a>',
        '<img src="{{ link }}" alt="{{ first_name }}" />',
        "{% if first_name == 'x' %}<b>{{ first_name|upper }}</b>{% endif %}",
    ],
)
def test_places_where_it_may(tmp_path: Path, body: str) -> None:
    with Library.load(folder(tmp_path, {"fr/email.mjml": mjml(body)})) as library:
        values = {**VALUES, "contact.first_name": '"><b>/../&'}
        (answer,) = library.render([Request("t", "email", values=values)])
        assert '"><b>' not in answer.html and "<b>/" not in answer.html  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no markup",
        "<mjml>",
        "<mjml><mj-body><mj-text>x</mj-body></mjml>",
        "<html><body>x</body></html>",
        "<mjml><mj-body><mj-boddy></mj-boddy></mj-body></mjml>",
        "<mjml>" + "<mj-body>" * 100_000,
        mjml("<b>" * 200 + "x" + "</b>" * 200),
    ],
)
def test_what_is_no_mjml_is_told(source: str) -> None:
    with pytest.raises(MarkupError):
        compile_mjml(source, ())


def test_shared_files_are_found_by_language(tmp_path: Path) -> None:
    root = folder(
        tmp_path, {"fr/email.mjml": mjml('x</mj-text><mj-include path="a.mjml" /><mj-text>')}
    )
    shared = root / "templates" / "_shared"
    (shared / "fr").mkdir()
    (shared / "a.mjml").write_text("<mj-text>for all</mj-text>")
    with Library.load(root) as library:
        assert "for all" in library.entries["t"].parts["email", "fr"].pieces["html"][0]
        before = library.entries["t"].version
    (shared / "fr" / "a.mjml").write_text("<mj-text>{{ nobody }}</mj-text>")
    with pytest.raises(DefinitionError) as refused:
        Library.load(root)
    assert "_shared/fr/a.mjml:1: no field 'nobody'" in str(refused.value)
    (shared / "fr" / "a.mjml").write_text("<mj-text>en français</mj-text>")
    with Library.load(root) as library:
        assert "en français" in library.entries["t"].parts["email", "fr"].pieces["html"][0]
        assert library.entries["t"].version != before


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "b.mjml", "a.mjml?x"])
def test_only_shared_files_are_included(path: str) -> None:
    with pytest.raises(MarkupError):
        included(f'<mj-include path="{path}" />', lambda name: None)


def test_text_from_html() -> None:
    html = (
        "<html><head><title>T</title><style>p {}</style></head><body>"
        '<div style="display:none">preview</div><h1>Une  annonce</h1><p>Bonjour&nbsp;{{ a }}, '
        'voici<br>une <a href="{{ b }}">suite</a> &amp; fin.</p><ul><li>un</li><li>deux</li></ul>'
        '<a href="https://a.example/"><img src="https://a.example/i.png" alt="x"></a>'
        '<p><a href="https://a.example/">https://a.example/</a></p>'
        '<p><a href="mailto:a@example.org">a@example.org</a></p></body></html>'
    )
    assert to_text(html) == (
        "Une annonce\n\nBonjour {{ a }}, voici\nune suite ({{ b }}) & fin.\n\n- un\n\n- deux\n\n"
        "https://a.example/\n\na@example.org\n"
    )


def test_files_are_told_by_name_and_line(tmp_path: Path) -> None:
    files = {
        "fr/suject.txt": "x",
        "fr/subject.txt": "a\nb",
        "fr/email.mjml": mjml("\n\n{{ frist_name }}"),
        "fr/email.txt": "x\n{{ first_name|nope }}",
    }
    with pytest.raises(DefinitionError) as refused:
        Library.load(folder(tmp_path, files))
    told = str(refused.value)
    assert "fr/suject.txt:1: is no file of its channels; did you mean 'subject.txt'?" in told
    assert "fr/subject.txt:2: is one line" in told
    assert (
        "fr/email.mjml:4: no field 'frist_name' in template.yml; did you mean 'first_name'?" in told
    )
    assert "fr/email.txt:2: no filter 'nope'" in told


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "templates" / "t" / "fr" / "subject.txt").unlink()
    with pytest.raises(DefinitionError, match=r"fr/subject\.txt:1: is missing"):
        Library.load(root)
