"""A message in the browser: as it was sent, to who has its link, for as long as it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from reverse_etl.content.clicks import Clicks
from reverse_etl.delivery.online import Online
from sandbox.servers.base import serving
from tests.reverse_etl.delivery.outboxes import NOW, key, message
from workspace import tokens
from workspace.definitions.templates import Sender
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, messages, schema
from workspace.tokens import Token

KEYRING = Keyring(b"a pepper for tests")
SITE = "https://www.example.com"
SENDER = Sender(
    name="S", organisation="O", postal_address="P", website_url=SITE, app_url=SITE,
    reply_to="r@example.com", assets_url="https://assets.example.com/marketing/",
)  # fmt: skip
HTML = (
    f'<html><body><p>Bonjour Zoé <a href="{SITE}/u/abc">stop</a>'
    '<a href="https://a.example/">x</a></p></body></html>'
)


def link(number: int = 1, **more: Any) -> str:
    given: dict[str, Any] = {
        "what": "view", "reference": message(number).message_id, "identifier_type": "email",
        "identifier_key": key(number), "channel": "email", "at": datetime(2026, 3, 3),
        "language": "fr",
    }  # fmt: skip
    return tokens.sign(KEYRING, Token(**{**given, **more}))


def queue(ledger: Ledger, content: dict[str, str], number: int = 1) -> None:
    payload = json.dumps({"content": content}).encode()
    assert messages.enqueue(ledger, [message(number, payload=payload)], NOW).new


class Site:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, token: str, method: str = "GET") -> requests.Response:
        return requests.request(method, f"{self.url}/v/{token}", timeout=20)


@pytest.fixture
def site(ledger: Ledger) -> Iterator[Site]:
    with serving(Online(KEYRING, lambda: ledger, [SENDER])) as url:
        yield Site(url)


def test_it_is_what_was_sent_but_for_the_pixel(ledger: Ledger, site: Site) -> None:
    one = message(1)
    sent = Clicks(one.message_id, key(1), SITE, has_pixel=True).lead(KEYRING, HTML)
    queue(ledger, {"subject": "S", "html": sent, "text": "t"})
    answer = site.get(link())
    assert answer.status_code == 200 and "/i/" in sent and "/i/" not in answer.text
    # Its links are those that were sent: where it ends stays plain, others are led.
    assert answer.text == Clicks(one.message_id, key(1), SITE).lead(KEYRING, HTML)
    assert f'href="{SITE}/u/abc"' in answer.text
    head = site.get(link(), "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_nothing_runs_and_nothing_is_kept_or_found(ledger: Ledger, site: Site) -> None:
    queue(ledger, {"subject": "S", "html": HTML})
    headers = site.get(link()).headers
    policy = dict(part.strip().partition(" ")[::2] for part in
                  headers["content-security-policy"].split(";"))  # fmt: skip
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["img-src"] == "data: https://assets.example.com"
    assert "script-src" not in policy and "connect-src" not in policy
    assert "allow-scripts" not in policy["sandbox"] and "allow-same-origin" not in policy["sandbox"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-robots-tag"].startswith("noindex")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in headers


def test_a_message_without_html_is_shown_as_text(ledger: Ledger, site: Site) -> None:
    queue(ledger, {"subject": "<b>S</b>", "text": "a <script>x</script> & b"})
    page = site.get(link()).text
    assert "<pre>a &lt;script&gt;x&lt;/script&gt; &amp; b</pre>" in page
    assert "<title>&lt;b&gt;S&lt;/b&gt;</title>" in page


def test_only_who_has_its_link_sees_it(ledger: Ledger, site: Site) -> None:
    queue(ledger, {"subject": "S", "html": HTML})
    foreign = tokens.sign(Keyring(b"another pepper"), tokens.read(KEYRING, "view", link()))  # type: ignore[arg-type]
    forged = ["", "x", link()[:-1], link() + "A", foreign, link(what="preferences"),
              message(1).message_id, "..%2f", "A" * 5000]  # fmt: skip
    answers = {(site.get(token).status_code, site.get(token).text) for token in forged}
    assert len(answers) == 1 and next(iter(answers))[0] == 404
    assert "Bonjour" not in next(iter(answers))[1]
    for method in ("POST", "PUT", "DELETE"):
        assert site.get(link(), method).status_code == 404


def test_what_is_no_longer_kept_is_gone(ledger: Ledger, site: Site) -> None:
    assert site.get(link()).status_code == 410  # no message of that id, any more
    queue(ledger, {"subject": "S", "html": HTML})
    assert site.get(link()).status_code == 200
    with ledger.writing() as connection:
        connection.execute(sa.delete(schema.message_payloads))
    answer = site.get(link())
    assert answer.status_code == 410
    assert "n'est plus conservé" in answer.text and "no longer" not in answer.text
    assert "no longer kept" in site.get(link(language="en")).text


@pytest.mark.parametrize("erased", [key(1), "ab" * 16])
def test_of_whom_was_erased_nothing_is_shown(ledger: Ledger, site: Site, erased: str) -> None:
    """Before its text is deleted, too; and by any name of the person."""
    payload = json.dumps({"content": {"html": HTML}}).encode()
    one = message(1, payload=payload, aliases=frozenset(["ab" * 16]))
    assert messages.enqueue(ledger, [one], NOW).new
    row = {"identifier_key": erased, "request_id": "r", "erased_at": NOW}
    ledger.append(schema.tombstones, [row])
    assert site.get(link()).status_code == 410
