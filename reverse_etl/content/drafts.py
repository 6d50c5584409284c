"""Drafts of templates, and what a text is about: the interfaces, and what works without a network.

A draft always lands as ``approved: false`` in a folder of its own; it is rendered for previews and
refused for sending until a person sets that to true. No contact's data is part of a brief.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from reverse_etl.content.library import Entry, Library
from reverse_etl.content.markup import TAG
from workspace.definitions.reading import DefinitionError
from workspace.definitions.templates import Template

#: Files of a template folder by their path in it.
Files = dict[str, str]
_WORD = re.compile(r"[^\W\d_]{3,}")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WORDS_A_MINUTE = 200
_KEYWORDS = 8


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that tell a language; they are left out of keywords.
STOP_WORDS = {
    "fr": _words(
        "les des une est que qui dans pour pas sur vous nous votre vos notre nos avec par plus "
        "sont cette ces aux son ses leur leurs mais donc tout tous être avez avons même sans vers "
        "chez entre dont ainsi aussi peut fait ont été bonjour"
    ),
    "en": _words(
        "the and you your for are with that this from our was were will have has not but all any "
        "can its they their them one who how what when which there here into more than hello been "
        "would could should about"
    ),
}


@dataclass(frozen=True)
class Brief:
    """What a message is for, in words; nothing of any person."""

    text: str
    vertical: str
    language: str = "fr"
    message_class: str = "marketing"
    purpose: str = "marketing"


@dataclass(frozen=True)
class Analysis:
    """What a text is about. ``keywords`` carry a weight from 0 to 1, the largest first."""

    language: str
    words: int
    reading_seconds: int
    longest_sentence_words: int
    keywords: tuple[tuple[str, float], ...]


class ContentAnalyzer(Protocol):
    """Tells what a text is about."""

    def analyze(self, text: str) -> Analysis: ...


class Drafter(Protocol):
    """Makes the files of a template from a brief. ``name`` says what wrote them."""

    name: str

    def draft(self, brief: Brief) -> Files: ...


class DraftError(ValueError):
    """There is no usable draft; the text says why."""


class KeywordAnalyzer:
    """The offline analyzer: words that are frequent here and rare in other texts (TF-IDF)."""

    def __init__(self, others: Sequence[str] = ()) -> None:
        self.others = [text for text in others if text.strip()]

    def analyze(self, text: str) -> Analysis:
        words = _WORD.findall(TAG.sub(" ", text))
        language = _language(words)
        sentences = re.split(r"[.!?\n]+", TAG.sub(" ", text))
        return Analysis(
            language=language,
            words=len(words),
            reading_seconds=round(len(words) * 60 / _WORDS_A_MINUTE),
            longest_sentence_words=max(len(_WORD.findall(part)) for part in sentences),
            keywords=self._keywords(text),
        )

    def _keywords(self, text: str) -> tuple[tuple[str, float], ...]:
        vectors, names = _tfidf([text, *self.others])
        if not names:
            return ()
        weights = vectors[0].toarray()[0]
        best = sorted(zip(names, weights, strict=True), key=lambda pair: (-pair[1], pair[0]))
        return tuple((word, round(float(w), 3)) for word, w in best[:_KEYWORDS] if w > 0)


class NearestTemplate:
    """The offline drafter: a copy of the template whose words are nearest to the brief's. None of
    the transactional ones is."""

    name = "a copy"

    def __init__(self, library: Library) -> None:
        self.library = library

    def draft(self, brief: Brief) -> Files:
        candidates = [
            entry
            for entry in self.library.entries.values()
            if entry.template.vertical == brief.vertical
            and entry.template.class_ != "transactional"
            and entry.found is not None
            and any(language == brief.language for _, language in entry.parts)
        ]
        if not candidates:
            raise DraftError(f"no template of {brief.vertical} in {brief.language} to begin with")
        texts = [
            f"{entry.key.replace('_', ' ')} {entry.template.name} {entry.template.description} "
            + text_of(entry, brief.language)
            for entry in candidates
        ]
        nearest = candidates[_nearest(brief.text, texts)]
        assert nearest.found is not None
        folder = nearest.found.folder
        files = {
            str(path.relative_to(folder)): path.read_text("utf-8")
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        plain = yaml.safe_load(files["template.yml"])
        plain |= {
            "description": brief.text,
            "approved": False,
            "drafted_by": f"{self.name} of {nearest.key}",
        }
        files["template.yml"] = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
        return files


def land(definitions: Path, key: str, files: Mapping[str, str]) -> Entry:
    """Write a draft's files into ``templates/<key>/`` and read them back, as a run would.

    Raises :class:`DraftError`, and leaves nothing, where the folder exists, a file lies elsewhere,
    the draft claims to be approved, or its files are no template.
    """
    folder = definitions / "templates" / key
    if not _KEY.fullmatch(key):
        raise DraftError(f"{key!r} is no key: a-z, 0-9 and _")
    if folder.exists():
        raise DraftError(f"{folder} exists; a draft takes the place of nothing")
    for name in files:
        if not re.fullmatch(r"([a-z]{2}(-[A-Z]{2})?/)?[a-z_]+\.(yml|mjml|txt)", name):
            raise DraftError(f"{name!r} is no file of a template")
    try:
        template = Template.model_validate(yaml.safe_load(files.get("template.yml", "")))
    except (ValueError, yaml.YAMLError) as error:
        raise DraftError(f"template.yml: {error}") from error
    if template.approved:
        raise DraftError("a draft says approved: false")
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        with Library.load(definitions, {key}) as library:
            return library.entries[key]
    except (DefinitionError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DraftError(f"the draft is no template:\n{error}") from error


def text_of(entry: Entry, language: str | None = None) -> str:
    """The words of a template in one language, or all: its lines and texts, without HTML."""
    return "\n".join(
        source
        for (_, its_language), part in sorted(entry.parts.items())
        if language in (None, its_language)
        for name, (source, is_html) in part.pieces.items()
        if not is_html and name != "link"
    )


def _language(words: Sequence[str]) -> str:
    folded = [word.casefold() for word in words]
    counts = {language: sum(w in known for w in folded) for language, known in STOP_WORDS.items()}
    return max(sorted(counts, reverse=True), key=counts.__getitem__)  # French where nothing tells


def _tfidf(texts: Sequence[str]) -> tuple[Any, list[str]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    stop = sorted(word for known in STOP_WORDS.values() for word in known)
    vectorizer = TfidfVectorizer(token_pattern=_WORD.pattern, stop_words=stop)
    try:
        vectors = vectorizer.fit_transform([_plain(text) for text in texts])
    except ValueError:  # nothing but stop words
        return None, []
    return vectors, list(vectorizer.get_feature_names_out())


def _nearest(text: str, others: Sequence[str]) -> int:
    """Which of the others shares most parts of words: forms of a word, and both languages'."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 5), strip_accents="unicode")
    vectors = vectorizer.fit_transform([_plain(part) for part in (text, *others)])
    return int((vectors[1:] @ vectors[0].T).toarray().ravel().argmax())


def _plain(text: str) -> str:
    return re.sub(r"https?://\S+", " ", TAG.sub(" ", text))
