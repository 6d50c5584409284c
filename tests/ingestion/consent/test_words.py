"""What the pages say: both languages alike, and no wording that is proven changes unseen."""

from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from ingestion.consent.words import LANGUAGES, VERSION, chosen, words

#: Of the sentences above the buttons, by the version that events carry. Another wording needs
#: another version: add a line, and never change one.
HASHES = {"pages-1": "88baa6a730b5b5ed762150e5398c4b203bb035b3d3a56b4f63af60524047ae64"}
PROVEN = ("unsubscribe_email", "unsubscribe_sms", "unsubscribe_push", "nothing", "object")


def test_both_languages_say_the_same_things() -> None:
    french, english = words("fr"), words("en")
    assert french.keys() == english.keys()
    for key in french:
        holes = re.compile(r"\{\w+\}")
        assert sorted(holes.findall(french[key])) == sorted(holes.findall(english[key])), key


def test_what_is_proven_keeps_its_wording() -> None:
    said = "\n".join(words(language)[key] for language in LANGUAGES for key in PROVEN)
    assert HASHES[VERSION] == hashlib.sha256(said.encode()).hexdigest()


@given(st.none() | st.text(), st.text(), st.none() | st.text())
def test_any_page_has_a_language(asked: str | None, persons: str, accepted: str | None) -> None:
    assert chosen(asked, persons, accepted) in LANGUAGES
