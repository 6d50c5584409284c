"""Marts of templates and assets over versions that runs stored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.lakehouse import Lakehouse

MODELS = (
    "stg_messages__template_parts",
    "template_versions",
    "email_templates",
    "sms_templates",
    "assets",
)


def part(template: str, sequence: int, **more: Any) -> dict[str, Any]:
    return {
        "template": template,
        "sequence": sequence,
        "channel": "email",
        "language": "fr",
        "default_language": "fr",
        "template_version": f"v{sequence}",
        "status": "active",
        "template_name": template.title(),
        "vertical": "medical",
        "message_class": "marketing",
        "purpose": "marketing",
        "known_at": datetime(2026, 1, sequence),
        **more,
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    folder: Path = tmp_path_factory.mktemp("templates")
    made = Lakehouse(folder, folder / "target")
    made.fill(
        as_of=datetime(2026, 2, 1),
        template_versions=[
            part("a", 1, subject="Un"),
            part("a", 1, language="en", subject="One"),
            part("a", 1, channel="sms", text="Un STOP", least_segments=1),
            part("b", 1),
            part("a", 2, subject="Deux", html="<b>", text="b", required_sources="contact.city"),
            part("a", 2, channel="sms", text="Deux STOP", least_segments=1, status="active"),
            part("b", 3, status="retired"),
            part("c", 4, status="draft", drafted_by="a copy"),
        ],
        assets=[
            {"asset": "x.png", "sequence": 1, "content_hash": "1", "status": "active"},
            {"asset": "x.png", "sequence": 2, "content_hash": "2", "status": "active"},
            {"asset": "y.png", "sequence": 1, "content_hash": "3", "status": "active"},
            {"asset": "y.png", "sequence": 2, "content_hash": "3", "status": "retired"},
        ],
    )
    return made.build(*MODELS, tests="cautious")


def test_versions(house: Lakehouse) -> None:
    assert house.rows(
        "select template, version_number, status, channels, languages, parts, valid_to, is_current "
        "from marts.template_versions order by template, version_number"
    ) == [
        ("a", 1, "active", "email,sms", "en,fr", 3, datetime(2026, 1, 2), False),
        ("a", 2, "active", "email,sms", "fr", 2, None, True),
        ("b", 1, "active", "email", "fr", 1, datetime(2026, 1, 3), False),
        ("b", 3, "retired", "email", "fr", 1, None, False),
        ("c", 4, "draft", "email", "fr", 1, None, True),
    ]


def test_templates_as_they_stand(house: Lakehouse) -> None:
    assert house.rows(
        "select template, language, template_version, status, subject, html, text_part, "
        "required_sources, is_default_language from marts.email_templates order by template"
    ) == [
        ("a", "fr", "v2", "active", "Deux", "<b>", "b", "contact.city", True),
        ("c", "fr", "v4", "draft", None, None, None, None, True),
    ]
    assert house.rows("select template, body, least_segments from marts.sms_templates") == [
        ("a", "Deux STOP", 1)
    ]


def test_assets_as_they_lie(house: Lakehouse) -> None:
    assert house.rows("select asset, content_hash from marts.assets") == [("x.png", "2")]
