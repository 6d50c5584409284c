"""Messages on a page, before anything is published."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.interfaces.desk.desks import chain, seated
from workspace.settings import Settings

TEMPLATE = "public_salon_des_maires"


def test_with_made_up_values(settings: Settings) -> None:
    at = seated(settings, "key-of-ana")
    found = at.post("preview", template=TEMPLATE)
    assert found.status_code == 200 and "With made-up values" in found.text
    assert "rendez-vous au stand exemple" in found.text and "made up" in found.text
    given = at.post("preview", template=TEMPLATE, source="campaign:public_salon_invitation")
    assert "rendez-vous au stand 3 C 42" in given.text
    src = re.search(r'<iframe sandbox="" loading="lazy" [^>]*src="([^"]+)"', given.text)
    assert src
    inner = at.client.get(html.unescape(src[1]))
    assert "stand 3 C 42" in inner.text and 'src="data:image/' in inner.text
    assert not re.search(r'src="https?:', inner.text)
    assert chain(settings) == []


def test_messages_without_a_page_of_their_own(settings: Settings) -> None:
    at = seated(settings)
    found = at.post("preview", template=TEMPLATE, channel="sms")
    assert "<iframe" not in found.text and "PublicHub : rendez-vous" in found.text


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"template": ""}, 422, "Choose a template"),
        ({"template": "../senders"}, 422, "Choose a template"),
        ({"template": TEMPLATE, "channel": "push"}, 200, "no_part"),
        ({"template": TEMPLATE, "contact": "0" * 32}, 404, "marketing run"),
        ({"template": TEMPLATE, "contact": "eve@x.fr"}, 404, "marketing run"),
        ({"template": TEMPLATE, "source": "campaign:<b>"}, 200, "made up"),
        ({"template": TEMPLATE, "language": "<b>"}, 200, "made up"),
    ],
)
def test_what_there_is_not(
    settings: Settings, fields: dict[str, str], status: int, told: str
) -> None:
    found = seated(settings).post("preview", **fields)
    assert (found.status_code, told in found.text) == (status, True)
    assert "eve@x.fr" not in found.text and "<b>" not in found.text and chain(settings) == []


def test_findings_stand_beside_the_message(settings: Settings, folder: Path) -> None:
    path = folder / "templates" / TEMPLATE / "fr" / "subject.txt"
    path.write_text("x" * 120 + "\n")
    found = seated(settings).post("preview", template=TEMPLATE)
    assert "mail programs show about" in found.text
    assert f"templates/{TEMPLATE}/fr/subject.txt:1" in html.unescape(found.text)
