"""Messages from templates and values: what arrives, and who gets none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.content.library import Library, Refused, Rendered, Request, RequiredField, chain
from reverse_etl.content.values import BadValue, written
from tests.reverse_etl.content.folders import LINK, TEMPLATE, VALUES, folder, mjml


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    english = {
        "en/subject.txt": "Hello {{ first_name }}",
        "en/email.mjml": mjml("Hello {{ first_name }}"),
    }
    with Library.load(folder(tmp_path_factory.mktemp("definitions"), english)) as loaded:
        yield loaded


def one(library: Library, values: dict[str, Any] | None = None, **more: Any) -> Any:
    given = {**VALUES, **(values or {})}
    request = Request("t", more.pop("channel", "email"), values=given, **more)
    (answer,) = library.render([request])
    return answer


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.data = ""
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.data += data


def test_a_message_is_whole(library: Library) -> None:
    found = one(library, {"event.link": "https://www.chirurgieprox.example/y?a=1&b=2"})
    assert isinstance(found, Rendered)
    assert (found.template, found.channel, found.language) == ("t", "email", "fr")
    assert found.subject == "Bonjour Zoé"
    assert found.preheader == "Deux mots pour vous."
    assert found.text == (
        "Bonjour Zoé, voici la suite (https://www.chirurgieprox.example/y?a=1&b=2).\n\n"
        f"Se désabonner ({LINK}) 1 rue du Test, Lyon"
    )
    words = Words(found.html or "")
    assert "Bonjour Zoé, voici la suite." in words.data and "Deux mots pour vous." in words.data
    assert words.links == ["https://www.chirurgieprox.example/y?a=1&b=2", LINK]
    assert "&#x2f;" not in (found.html or "")  # links stay readable to what rewrites them


def test_the_payload_is_canonical_and_the_same_each_time(library: Library) -> None:
    found, again = one(library), one(library)
    assert found.payload == again.payload and found.payload_hash == again.payload_hash
    told = json.loads(found.payload)
    assert list(told) == sorted(told) and told["content"] == found.content
    assert told["template_version"] == found.template_version == library.entries["t"].version
    assert one(library, {"contact.first_name": "Ana"}).payload != found.payload


def test_the_bytes_of_a_part_are_pinned() -> None:
    """Where this fails after an upgrade, messages changed: raise `parts.RENDERER`."""
    from reverse_etl.content.parts import Need, Part
    from reverse_etl.content.pool import Batch, Pool

    source = "{% if name != '' %}<b>{{ name|upper }}</b>{% else %}-{% endif %} {{ name|urlencode }}"
    part = Part("email", "fr", {"html": (source, True)}, (Need("name", "contact.first_name"),))
    with Pool(1) as pool:
        ((found,),) = pool.render(
            [Batch("p", part.pieces, [part.filled({"contact.first_name": "Zoé & <Cie>"}, set())])]
        )
    assert found == ["<b>ZOÉ &amp; &lt;CIE&gt;</b> Zo%C3%A9%20%26%20%3CCie%3E"]


def test_fallbacks_by_language(library: Library) -> None:
    nobody = {"contact.first_name": "  "}
    assert one(library, nobody).subject == "Bonjour cher client"
    assert one(library, nobody, language="en").subject == "Hello dear customer"


@pytest.mark.parametrize(
    ("asked", "found"),
    [("fr-CA", "fr"), ("en_GB", "en"), ("EN", "en"), ("de", "fr"), (None, "fr"), ("", "fr")],
)
def test_languages_fall_back(library: Library, asked: str | None, found: str) -> None:
    assert one(library, language=asked).language == found


def test_the_chain_of_languages() -> None:
    assert chain("fr_ca", "en") == ["fr-CA", "fr", "en"]
    assert chain("fr", "fr") == ["fr"] and chain(None, "fr") == ["fr"]


def test_who_lacks_a_value_gets_no_message(library: Library) -> None:
    found = one(library, {"message.unsubscribe_url": None})
    assert found == Refused(
        "t",
        "email",
        "missing_value",
        "unsubscribe_url (message.unsubscribe_url) is missing and has no fallback",
        "unsubscribe_url",
    )
    assert library.required_fields("t", "email", "fr-CA") == (
        RequiredField("unsubscribe_url", "message.unsubscribe_url"),
    )
    assert library.sources() == {"contact.first_name", "event.link", "message.unsubscribe_url"}
    with pytest.raises(KeyError):
        library.required_fields("t", "sms")


def test_one_faulty_person_stops_no_other(library: Library) -> None:
    requests = [
        Request("t", "email", values={**VALUES, "contact.first_name": name})
        for name in (
            "Ana",
            "a\r\nBcc: x@example.org",
            "Bo\0b",
            "{{7*7}}",
            "<script>",
            "é" * 1_000_000,
        )
    ]
    answers = library.render(requests)
    assert [getattr(answer, "reason", None) for answer in answers] == [
        None,
        "bad_value",
        "bad_value",
        None,
        None,
        "bad_value",
    ]
    assert all(r.field == "first_name" for r in answers if isinstance(r, Refused))


@pytest.mark.parametrize("value", ["{{7*7}}", "{% for i in x %}", "${7*7}", "<%= 7*7 %>", "{#"])
def test_a_value_is_rendered_once(library: Library, value: str) -> None:
    found = one(library, {"contact.first_name": value})
    assert found.subject == f"Bonjour {value}" and f"Bonjour {value}," in found.text
    assert f"Bonjour {value}," in Words(found.html).data


XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "--><script>alert(1)</script><!--",
    "</style><script>alert(1)</script>",
    "&lt;script&gt;",
    "<mj-raw><b>",
    "\u202ejs",
]


@pytest.mark.parametrize("value", XSS[:-1])
def test_a_value_is_text_and_never_markup(library: Library, value: str) -> None:
    found = one(library, {"contact.first_name": value})
    plain = Words(one(library).html)
    words = Words(found.html)
    assert words.tags == plain.tags and words.links == plain.links
    assert f"Bonjour {value}," in words.data and f"Bonjour {value}," in found.text


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\r\nBcc: b", "a\rb", "a\u2028b", "a\u0085b", "a\x0bb", "a\x1fb", XSS[-1], "\ud800"],
)
def test_a_line_stays_a_line(library: Library, value: str) -> None:
    found = one(library, {"contact.first_name": value})
    assert isinstance(found, Refused) and found.reason == "bad_value"
    assert value not in found.detail


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "http://x.example/",
        "//evil.example",
        "https://x.example/\r\nX: y",
        "https://x.example/a b",
        'https://x.example/"onclick=',
        "https://x.example\\@evil.example/",
        "https://user@evil.example/",
        "data:text/html,x",
        "https://",
        " JaVaScRiPt:x",
    ],
)
def test_a_link_is_https(library: Library, value: str) -> None:
    found = one(library, {"event.link": value})
    assert isinstance(found, Refused) and found.field == "link"


@pytest.mark.parametrize(
    ("value", "kind", "language", "expected"),
    [
        (1234.5, "number", "fr", "1\u00a0234,5"),
        ("1234567", "number", "en", "1,234,567"),
        (Decimal("12.30"), "number", "fr", "12,3"),
        (100, "number", "en", "100"),
        (date(2026, 3, 1), "date", "fr", "1er mars 2026"),
        ("2026-12-25T10:00:00", "date", "en", "25 December 2026"),
        ("2026-12-25", "date", "de", "2026-12-25"),
        (" x ", "text", "fr", "x"),
        (None, "number", "fr", None),
        ("", "url", "fr", None),
    ],
)
def test_values_are_written_as_a_language_does(
    value: Any, kind: str, language: str, expected: str | None
) -> None:
    assert written(value, kind, language) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "number"),
        ("nan", "number"),
        (float("inf"), "number"),
        ("1e30", "number"),
        (True, "number"),
        ("31/12/2026", "date"),
        (5, "date"),
        (5, "text"),
        ({"a": 1}, "text"),
        (["x"], "text"),
    ],
)
def test_values_of_another_kind_are_refused(value: Any, kind: str) -> None:
    with pytest.raises(BadValue):
        written(value, kind, "fr")


def test_decimals() -> None:
    assert written("1234.5", "number", "fr", 2) == "1\u00a0234,50"


BLOCKS = (
    TEMPLATE
    + """
  stage: {from: contact.buyer_stage, fallback: ""}
blocks:
  offer:
    - {name: customer, segment: current_customers}
    - {name: ready, field: stage, in: [consideration, purchase]}
    - {name: other}
"""
)


def test_blocks_choose_the_first_that_fits(tmp_path: Path) -> None:
    text = "{% if offer == 'customer' %}C{% elif offer in ['ready'] %}R{% else %}O{% endif %}"
    files = {"fr/email.mjml": mjml(text)}
    root = folder(tmp_path, files, BLOCKS)
    (root / "segments").mkdir()
    (root / "segments" / "current_customers.yml").write_text("name: x\nwhere: {event: y}\n")
    with Library.load(root) as library:
        for stage, segments, letter in (
            ("purchase", {"current_customers"}, "C"),
            ("purchase", {"another"}, "R"),
            ("interest", set(), "O"),
            (None, set(), "O"),
        ):
            found = one(library, {"contact.buyer_stage": stage}, segments=segments)
            assert found.text.startswith(letter + "\n")
        assert "contact.buyer_stage" in library.sources(["t"])


def test_drafts_are_for_previews_only(tmp_path: Path) -> None:
    with Library.load(folder(tmp_path, template=TEMPLATE + "approved: false\n")) as library:
        assert one(library).reason == "draft"
        (found,) = library.render([Request("t", "email", values=VALUES)], drafts=True)
        assert isinstance(found, Rendered)


def test_what_there_is_not(library: Library) -> None:
    assert one(library, channel="sms").reason == "no_part"
    (found,) = library.render([Request("tt", "email")])
    assert found == Refused("tt", "email", "no_template", "no template 'tt'; did you mean 't'?")
    assert library.render([]) == []


def test_an_empty_subject_is_no_message(tmp_path: Path) -> None:
    template = TEMPLATE.replace("{fr: cher client, en: dear customer}", '""')
    files = {"fr/subject.txt": "{{ first_name }}"}
    with Library.load(folder(tmp_path, files, template)) as library:
        assert one(library, {"contact.first_name": None}).detail == "subject is empty"


def test_messages_come_in_the_order_of_requests(library: Library) -> None:
    names = [f"n{number}" if number % 7 else None for number in range(1_003)]
    requests = [
        Request("t", "email", "en" if number % 2 else "fr", {**VALUES, "contact.first_name": name})
        for number, name in enumerate(names)
    ]
    subjects = [answer.subject for answer in library.render(requests)]  # type: ignore[union-attr]
    assert subjects == [
        f"Hello {name or 'dear customer'}" if number % 2 else f"Bonjour {name or 'cher client'}"
        for number, name in enumerate(names)
    ]


SMS = TEMPLATE.replace("[email]", "[email, sms, push]")


def test_text_messages_and_push(tmp_path: Path) -> None:
    files = {
        "fr/sms.txt": "« Bonjour » {{ first_name }} … STOP\n",
        "fr/push.yml": 'title: "Pour {{ first_name }}"\nbody: Deux mots.\nlink: "{{ link }}"\n',
    }
    with Library.load(folder(tmp_path, files, SMS)) as library:
        sms = one(library, channel="sms")
        assert (sms.text, sms.segments) == ('" Bonjour " Zoé ... STOP', 1)
        assert (
            one(library, {"contact.first_name": "Żaneta" + "x" * 60}, channel="sms").segments == 2
        )
        push = one(library, channel="push")
        assert push.content == {
            "title": "Pour Zoé",
            "body": "Deux mots.",
            "link": "https://www.chirurgieprox.example/x",
        }
        assert one(library, {"contact.first_name": "a\nb"}, channel="push").reason == "bad_value"
