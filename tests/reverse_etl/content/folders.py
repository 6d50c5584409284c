"""Definition folders with templates written by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from workspace.paths import PROJECT

SENDERS = """
senders:
  medical:
    name: Maison
    organisation: Maison SAS
    postal_address: 1 rue du Test, Lyon
    website_url: https://www.chirurgieprox.example/
    app_url: https://app.chirurgieprox.example/
    reply_to: a@chirurgieprox.example
    assets_url: https://www.chirurgieprox.example/assets
"""
FIELDS = """
fields:
  unsubscribe_url: {from: message.unsubscribe_url, kind: url}
  postal_address: {from: sender.postal_address}
"""
TEMPLATE = """
name: A test
vertical: medical
class: marketing
purpose: marketing
channels: [email]
fields:
  first_name: {from: contact.first_name, fallback: {fr: cher client, en: dear customer}}
  link: {from: event.link, kind: url, fallback: "https://www.chirurgieprox.example/x"}
"""
FOOTER = '<a href="{{ unsubscribe_url }}">Se désabonner</a> {{ postal_address }}'
LINK = "https://www.chirurgieprox.example/u?a=1&b=2"
VALUES = {"message.unsubscribe_url": LINK, "contact.first_name": "Zoé"}


def mjml(body: str, footer: str = FOOTER) -> str:
    return (
        "<mjml><mj-body><mj-section><mj-column>\n"
        f"<mj-text>{body}</mj-text>\n<mj-text>{footer}</mj-text>\n"
        "</mj-column></mj-section></mj-body></mjml>\n"
    )


def folder(root: Path, files: dict[str, str] | None = None, template: str = TEMPLATE) -> Path:
    """A definitions folder with one template, ``t``: ``files`` are those of its folder.

    Without any it greets in French: ``Bonjour {{ first_name }}``.
    """
    shutil.copy(PROJECT / "marketing" / "verticals.yml", root)
    shutil.copy(PROJECT / "marketing" / "consent.yml", root)
    (root / "senders.yml").write_text(SENDERS)
    shared = root / "templates" / "_shared" / "fields.yml"
    shared.parent.mkdir(parents=True)
    shared.write_text(FIELDS)
    given = {
        "template.yml": template,
        "fr/subject.txt": "Bonjour {{ first_name }}\n",
        "fr/preheader.txt": "Deux mots pour vous.\n",
        "fr/email.mjml": mjml('Bonjour {{ first_name }}, <a href="{{ link }}">voici la suite</a>.'),
        **(files or {}),
    }
    for name, text in given.items():
        path = root / "templates" / "t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
