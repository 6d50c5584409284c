"""A drafter and an analyzer that ask Anthropic's API (the optional extra ``ai``).

What goes out is the brief, or a template's own text. What comes back is data of a fixed form: its
text is escaped, it can name no other fields than it was told of, and it lands as any draft does.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError

from reverse_etl.content.drafts import Analysis, Brief, DraftError, Files, KeywordAnalyzer
from reverse_etl.content.markup import TAG
from workspace.definitions.reading import Strict
from workspace.definitions.templates import Sender

MODEL = "claude-sonnet-5-5"
VARIABLES = (
    "MARKETING_ANTHROPIC_KEY",
    "MARKETING_ANTHROPIC_MODEL",
    "MARKETING_ANTHROPIC_URL",
)
URL = "https://api.anthropic.com"
SECONDS = 60.0
RETRIES = 2
MOST_TOKENS = 2_000
FIELDS = ("first_name", "last_name", "sender_name")

_SYSTEM = (
    "You draft one mail of a company to its business contacts. Write plainly and politely, in the "
    "language asked for, without superlatives, urgency or invented facts, figures and names. "
    "Merge tags: {tags}; no others, and no markup. A person will edit and approve your draft."
)

Answer = TypeVar("Answer", bound=BaseModel)
Line = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\r\n]*$")]
Paragraph = Annotated[str, Field(min_length=1, max_length=1_200)]


class Written(Strict):
    """The draft's words."""

    name: Line
    subject: Line
    preheader: Line
    paragraphs: list[Paragraph] = Field(min_length=1, max_length=8)
    button: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\r\n]*$")]


class Keywords(Strict):
    """What a text is about."""

    keywords: list[Line] = Field(min_length=1, max_length=8)


class Claude:
    """A client of the API. Raises :class:`DraftError` for whatever goes wrong there."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        try:
            import anthropic
        except ImportError as error:
            raise DraftError("install the extra 'ai' for drafts by a model") from error
        key = settings.get("MARKETING_ANTHROPIC_KEY")
        if not key:
            raise DraftError("MARKETING_ANTHROPIC_KEY is not set")
        self.model = settings.get("MARKETING_ANTHROPIC_MODEL", MODEL)
        self._failure = anthropic.AnthropicError
        self._client = anthropic.Anthropic(
            api_key=key,
            base_url=settings.get("MARKETING_ANTHROPIC_URL", URL),
            timeout=SECONDS,
            max_retries=RETRIES,
        )

    def ask(self, system: str, text: str, form: type[Answer]) -> Answer:
        """One answer in a form."""
        name = form.__name__.lower()
        try:
            message: Any = self._client.messages.create(
                model=self.model,
                max_tokens=MOST_TOKENS,
                system=system,
                messages=[{"role": "user", "content": text}],
                tools=[{"name": name, "input_schema": form.model_json_schema()}],
                tool_choice={"type": "tool", "name": name},
            )
        except self._failure as error:
            # Its text may repeat what was asked, never the key.
            raise DraftError(f"the model's API: {type(error).__name__}") from error
        given = [block.input for block in message.content if block.type == "tool_use"]
        if not given:
            raise DraftError("the model gave no draft")
        try:
            return form.model_validate(given[0])
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
            raise DraftError(f"the model's answer is not of the form asked for: {fields}") from None


class ClaudeDrafter:
    """Drafts a mail in one language."""

    def __init__(self, client: Claude, senders: Mapping[str, Sender]) -> None:
        self.client, self.senders = client, senders
        self.name = client.model

    def draft(self, brief: Brief) -> Files:
        sender = self.senders.get(brief.vertical)
        if sender is None:
            raise DraftError(f"no sender of {brief.vertical!r} in senders.yml")
        tags = ", ".join(f"{{{{ {name} }}}}" for name in FIELDS)
        text = (
            f"Sender: {sender.name}\nLanguage: {brief.language}\nClass: {brief.message_class}\n"
            f"Brief: {brief.text}"
        )
        written = self.client.ask(_SYSTEM.format(tags=tags), text, Written)
        return as_files(written, brief, sender, self.name)


class ClaudeAnalyzer:
    """Counts offline, asks the model for what a text is about."""

    def __init__(self, client: Claude) -> None:
        self.client = client

    def analyze(self, text: str) -> Analysis:
        counted = KeywordAnalyzer().analyze(text)
        system = "Name what the text is about, in its language: at most eight keywords, best first."
        found = self.client.ask(system, TAG.sub(" ", text), Keywords).keywords
        weights = [round(1 - place / len(found), 3) for place in range(len(found))]
        return Analysis(
            counted.language,
            counted.words,
            counted.reading_seconds,
            counted.longest_sentence_words,
            tuple(zip(found, weights, strict=True)),
        )


def as_files(written: Written, brief: Brief, sender: Sender, author: str) -> Files:
    """A template's files around a draft's words, which stand in it as text and never as markup."""
    paragraphs = "\n".join(
        f"        <mj-text>{_words(text)}</mj-text>" for text in written.paragraphs
    )
    template = {
        "name": written.name,
        "description": brief.text,
        "vertical": brief.vertical,
        "class": brief.message_class,
        "purpose": brief.purpose,
        "channels": ["email"],
        "language": brief.language,
        "approved": False,
        "drafted_by": author,
    }
    mail = f"""<mjml lang="{brief.language}">
  <mj-head>
    <mj-title>{escape(sender.name)}</mj-title>
    <mj-include path="head_{brief.vertical}.mjml" />
  </mj-head>
  <mj-body background-color="#f0f4f8">
    <mj-include path="top_{brief.vertical}.mjml" />
    <mj-section background-color="#ffffff" padding="8px 0 24px">
      <mj-column>
{paragraphs}
        <mj-button href="{{{{ website_url }}}}">{_words(written.button)}</mj-button>
      </mj-column>
    </mj-section>
    <mj-include path="footer.mjml" />
  </mj-body>
</mjml>
"""
    return {
        "template.yml": yaml.safe_dump(template, sort_keys=False, allow_unicode=True),
        f"{brief.language}/subject.txt": written.subject + "\n",
        f"{brief.language}/preheader.txt": written.preheader + "\n",
        f"{brief.language}/email.mjml": mail,
    }


def _words(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br />")
