"""What pages about personal data say besides `privacy.yml`: ``pages/words.yml`` and templates."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import minijinja
import yaml

from workspace.definitions.privacy import Language, Retention

PAGES = Path(__file__).parent / "pages"


@cache
def words(language: Language) -> dict[str, Any]:
    """The words of a language, by where they stand."""
    return yaml.safe_load((PAGES / "words.yml").read_text(encoding="utf-8"))[language]


def day(at: datetime, language: Language) -> str:
    """``22 November 2026``, ``22 novembre 2026``, ``1er mars 2026``."""
    number = "1er" if language == "fr" and at.day == 1 else str(at.day)
    return f"{number} {words(language)['months'][at.month - 1]} {at.year}"


def retention(its: Retention, language: Language) -> str:
    """How long, since when and what then, as a phrase."""
    said = words(language)
    then = said["then"][its.then]
    if its.months is None:
        return f"{said['as_long']}, {then}"
    years, rest = divmod(its.months, 12)
    if rest or not years:
        span = f"{its.months} " + ("mois" if language == "fr" else "months")
    else:
        unit = ("an" if language == "fr" else "year") + ("s" if years > 1 else "")
        span = f"{years} {unit}"
    return f"{span} {said['since'][its.since]}, {then}"


def page(name: str, context: dict[str, Any]) -> bytes:
    """A template of ``pages/`` filled in; an ``.html`` one escapes what it is given."""
    made = minijinja.Environment(loader=_load, trim_blocks=True, lstrip_blocks=True)
    made.undefined_behavior = "strict"
    return made.render_template(name, **context).encode()


def _load(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")
