"""Links of a mail that are led through our own address, and those that are not."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.content.clicks import Clicks, without_pixel
from workspace import links
from workspace.identifiers import Keyring
from workspace.links import Pixel

KEYRING = Keyring(b"a pepper for tests")
SITE = "https://www.example.com"
CLICKS = Clicks("ab" * 32, "cd" * 16, SITE)
LED = re.compile(rf'"{re.escape(SITE)}/c/([\w-]+)"')


def lead(html: str) -> str:
    return CLICKS.lead(KEYRING, html)


def destinations(html: str) -> list[str]:
    """Where the led links of some HTML lead to."""
    found = [links.read(KEYRING, token) for token in LED.findall(html)]
    assert all(link and (link.message_id, link.recipient_key) == ("ab" * 32, "cd" * 16)
               for link in found)  # fmt: skip
    return [link.url for link in found if link]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<a href="https://a.example/">x</a>', "https://a.example/"),
        ('<a href="https://a.example/?a=1&amp;b=2#c">x</a>', "https://a.example/?a=1&b=2#c"),
        ("<a href='http://a.example/it&#x27;s'>x</a>", "http://a.example/it's"),
        ("<a href=https://a.example/x>x</a>", "https://a.example/x"),
        ('<A\n CLASS="b" HREF = " https://a.example/ "\n>x</A>', "https://a.example/"),
        ('<a title="a > b href=\'https://b.example\'" href="https://a.example/">x</a>',
         "https://a.example/"),
        ('<a data-href="https://b.example/" href="https://a.example/">x</a>', "https://a.example/"),
        ('<a href="https://a.example/" href="https://b.example/">x</a>', "https://a.example/"),
        ('<!--[if mso]><a href="https://a.example/">x</a><![endif]-->', "https://a.example/"),
        (f'<a href="{SITE}/unsubscribed">x</a>', f"{SITE}/unsubscribed"),
    ],
)  # fmt: skip
def test_what_is_led(html: str, url: str) -> None:
    made = lead(html)
    assert destinations(made) == [url]
    # Nothing but the one value changed.
    begin, _, end = made.partition(LED.search(made)[0])  # type: ignore[index]
    assert html.startswith(begin) and html.endswith(end)
    assert lead(html) == made
    assert lead(made) == made


@pytest.mark.parametrize(
    "html",
    [
        *(f'<a href="{SITE}/{path}/token">x</a>' for path in "upvc"),
        *('<a href="mailto:a@b.example">x</a>', '<a href="tel:+33">x</a>', '<a href="#top">x</a>'),
        *('<a href="">x</a>', "<a href>x</a>", '<a name="x">x</a>', "<a>x</a>", "a < b"),
        *('<a href="https://me@a.example/">x</a>', '<a href="https://é.example/">x</a>'),
        *('<img src="https://a.example/x.png">', '<link href="https://a.example/x.css">'),
        '<area href="https://a.example/"><abbr href="https://a.example/">',
        *("<a href=\"https://a.example/'>x</a>", '<a href="https://a.example/'),
    ],
)
def test_what_stays(html: str) -> None:
    assert lead(html) == html


class _Hrefs(HTMLParser):
    """The slow, obvious reader of links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(reversed(attrs)).get("href") or "")


NAMES = st.sampled_from(["href", "HREF", "title", "data-href", "style", "class"])
VALUES = st.sampled_from(
    ["https://a.example/x?a=1&b=2", "#", "a > b", " href=", "https://b.example"]
)
ATTRIBUTES = st.lists(st.tuples(NAMES, VALUES, st.sampled_from("\"'")), max_size=4)


@given(st.lists(ATTRIBUTES, max_size=4))
def test_a_parser_sees_the_same_links(tags: list[list[tuple[str, str, str]]]) -> None:
    html = "".join(
        f"<p>1 &lt; 2<a {' '.join(f'{n}={q}{escape(v)}{q}' for n, v, q in tag)}>x</a>"
        for tag in tags
    )
    before, after = _Hrefs(), _Hrefs()
    before.feed(html)
    after.feed(lead(html))
    assert len(before.found) == len(after.found)
    for old, new in zip(before.found, after.found, strict=True):
        if links.is_destination(old):
            assert destinations(f'"{new}"') == [old]
        else:
            assert new == old


@pytest.mark.parametrize("html", ["<p>x</p>", "<BODY><p>x</p></BODY></html>", "", "<img src=x>"])
def test_the_pixel_stands_at_the_end_and_can_be_taken_out(html: str) -> None:
    seen = Clicks("ab" * 32, "cd" * 16, SITE, has_pixel=True).lead(KEYRING, html)
    (token,) = re.findall(rf'<img src="{re.escape(SITE)}/i/([\w-]+)"', seen)
    assert links.read_pixel(KEYRING, token) == Pixel("ab" * 32, "cd" * 16)
    assert without_pixel(seen) == html == lead(html)
    assert re.search(r"/>(</BODY></html>)?$", seen)
