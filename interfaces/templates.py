"""`marketing templates`: what messages say, what is wrong with them, how one would look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from interfaces import recording
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
Name = Annotated[str, typer.Argument(help="Key of the template: the name of its folder.")]
Model = Annotated[
    bool, typer.Option("--model", help="Ask the model that MARKETING_ANTHROPIC_KEY is for.")
]

CHECK_FAILED = 1


def commands(
    out: Console, chosen: Callable[[Path | None], Settings], refuse: Callable[[str], None]
) -> typer.Typer:
    """The sub-commands, printing to ``out``."""
    app = typer.Typer(no_args_is_help=True, help="What messages say, and how they would look.")

    def library(settings: Settings, name: str | None = None) -> Any:
        from reverse_etl.content.library import Library
        from workspace.definitions.reading import DefinitionError, nearest

        try:
            loaded = Library.load(settings.definitions, None if name is None else {name})
        except DefinitionError as error:
            refuse(str(error))
        if name is not None and name not in loaded.entries:
            folder = settings.definitions / "templates"
            known = [path.parent.name for path in folder.glob("*/template.yml")]
            refuse(f"no template {name!r} in {folder}{nearest(name, known)}")
        return loaded

    @app.command("list")
    def list_(workspace: Option = None) -> None:
        """The templates, their channels and languages, and the version their files make."""
        table = Table(box=None, pad_edge=False)
        for heading in ("template", "vertical", "class", "channels", "languages", "version", ""):
            table.add_column(heading, overflow="fold")
        for entry in library(chosen(workspace)).entries.values():
            template = entry.template
            table.add_row(
                entry.key,
                template.vertical,
                template.class_,
                ", ".join(template.channels),
                ", ".join(sorted({language for _, language in entry.parts})),
                entry.version[:12],
                "" if template.approved else "draft",
            )
        out.print(table)

    @app.command()
    def lint(
        name: Annotated[str | None, typer.Argument(help="One template; all by default.")] = None,
        workspace: Option = None,
    ) -> None:
        """Say what is wrong with templates, by file and line; exit 1 where an error is."""
        from reverse_etl.content.lint import ERROR
        from reverse_etl.content.lint import lint as look
        from workspace.definitions.reading import read
        from workspace.definitions.templates import load_rules
        from workspace.definitions.verticals import Verticals

        settings = chosen(workspace)
        with library(settings, name) as loaded:
            verticals = read(settings.definitions / "verticals.yml", Verticals).verticals
            hosts = {host for vertical in verticals.values() for host in vertical.hosts}
            found = look(loaded, load_rules(settings.definitions), hosts)
        for finding in found:
            out.print(str(finding), markup=False, highlight=False)
        errors = sum(finding.severity == ERROR for finding in found)
        out.print(f"{errors} errors, {len(found) - errors} warnings")
        if errors:
            raise typer.Exit(CHECK_FAILED)

    @app.command()
    def preview(
        name: Name,
        workspace: Option = None,
        contact: Annotated[
            str | None,
            typer.Option(
                "--contact", help="A contact id or an identifier; made-up values by default."
            ),
        ] = None,
        language: Annotated[str | None, typer.Option("--language", help="Such as fr.")] = None,
        channel: Annotated[
            str | None, typer.Option("--channel", help="The template's first by default.")
        ] = None,
        to: Annotated[
            Path | None, typer.Option("--out", help="A page to write; the text by default.")
        ] = None,
    ) -> None:
        """Render a template as a contact would get it. Nothing is sent."""
        from reverse_etl.content import preview as previews
        from reverse_etl.content.library import Refused
        from reverse_etl.content.looking import NoSuchContact, look
        from reverse_etl.publish import NothingPublished, TookTooLong
        from workspace import durable

        settings = chosen(workspace)
        with library(settings, name) as loaded:
            person = None
            if contact is not None:
                try:
                    person = look(settings, contact, name, recording.said(None, None, refuse))
                except (NoSuchContact, NothingPublished, TookTooLong) as error:
                    refuse(str(error))
            first = loaded.entries[name].template.channels[0]
            found = previews.preview(loaded, name, channel or first, language, person)
            if isinstance(found, Refused):
                out.print(f"{found.reason}: {found.detail}", markup=False, highlight=False)
                raise typer.Exit(CHECK_FAILED)
            if to is not None:
                shown = previews.page(loaded, settings.definitions, found)
                durable.write(to.absolute(), shown.encode(), mode=0o600)  # it may name somebody
                out.print(f"written to {to}", highlight=False)
                return
        for piece, text in found.message.content.items():
            if piece != "html":
                blank = "\n" if piece == "text" else " "
                out.print(f"{piece}:{blank}{text}", markup=False, highlight=False)
        if found.sample:
            out.print(f"made up: {', '.join(found.sample)}", markup=False, highlight=False)

    @app.command()
    def analyze(
        name: Name,
        workspace: Option = None,
        language: Annotated[str | None, typer.Option("--language", help="Such as fr.")] = None,
        model: Model = False,
    ) -> None:
        """Say what a template is about, and how long it is to read."""
        from reverse_etl.content.drafts import DraftError, KeywordAnalyzer, text_of

        loaded = library(chosen(workspace))
        if name not in loaded.entries:
            refuse(f"no template {name!r}")
        entry = loaded.entries[name]
        asked = language or entry.template.language
        others = [text_of(e, asked) for e in loaded.entries.values() if e.key != name]
        try:
            analyzer: Any = KeywordAnalyzer(others)
            if model:
                from reverse_etl.content.claude import ClaudeAnalyzer

                analyzer = ClaudeAnalyzer(_client())
            found = analyzer.analyze(text_of(entry, asked))
        except DraftError as error:
            refuse(str(error))
        out.print(
            f"{found.language}, {found.words} words, {found.reading_seconds} s to read; "
            f"the longest sentence has {found.longest_sentence_words} words",
            highlight=False,
        )
        out.print(", ".join(word for word, _ in found.keywords), markup=False, highlight=False)

    @app.command()
    def draft(
        name: Name,
        brief: Annotated[str, typer.Option("--brief", help="What the message is for.")],
        vertical: Annotated[str, typer.Option("--vertical")],
        workspace: Option = None,
        language: Annotated[str, typer.Option("--language", help="Such as fr.")] = "fr",
        purpose: Annotated[str, typer.Option("--purpose", help="Of consent.yml.")] = "marketing",
        model: Model = False,
    ) -> None:
        """Begin a template: a copy of the nearest one, or a model's. Nothing is sent of it."""
        from reverse_etl.content import drafts

        settings = chosen(workspace)
        loaded = library(settings)
        wanted = drafts.Brief(brief, vertical, language, purpose=purpose)
        try:
            drafter: Any = drafts.NearestTemplate(loaded)
            if model:
                from reverse_etl.content.claude import ClaudeDrafter

                drafter = ClaudeDrafter(_client(), loaded.senders)
            drafts.land(settings.definitions, name, drafter.draft(wanted))
        except drafts.DraftError as error:
            refuse(str(error))
        folder = settings.definitions / "templates" / name
        out.print(f"drafted in {folder}; to send it, set approved: true", highlight=False)

    return app


def _client() -> Any:
    from reverse_etl.content.claude import VARIABLES, Claude
    from workspace import settings

    return Claude(settings.variables(VARIABLES))
