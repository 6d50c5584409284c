"""`marketing paperwork`: record of processing, data map, templates, made from the definitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from interfaces.loading import loaded
from workspace.settings import Settings

Option = Annotated[
    Path | None, typer.Option("--workspace", help="The folder that holds everything.")
]
CHECK_FAILED = 1


def command(
    out: Console,
    settings_of: Callable[[Path | None], Settings],
    refuse: Callable[[str], None],
) -> Callable[..., None]:
    """The command, printing to ``out``."""

    def paperwork(
        to: Annotated[Path, typer.Option("--to", help="The folder to make; it must not be there.")],
        language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
        workspace: Option = None,
    ) -> None:
        """Write the record of processing, the data map, an impact assessment, a breach form."""
        from reverse_etl.privacy import paperwork as papers
        from reverse_etl.privacy import writing

        if language not in ("fr", "en"):
            return refuse("--language is fr or en")
        settings = settings_of(workspace)
        given: Any = loaded(settings, refuse)
        if not given.privacy.categories:
            return refuse(f"{given.folder / 'privacy.yml'} describes nothing (docs/privacy.md)")
        chosen: Any = language
        try:
            made = papers.write(given, to, chosen, settings.present())
        except writing.FolderError as error:
            return refuse(str(error))
        out.print(f"{len(made.files)} files in {made.folder}", highlight=False)
        for name in made.unnamed:
            out.print(f"no recipient of privacy.yml names {name}, which is in use", highlight=False)
        for name in made.undescribed:
            out.print(f"privacy.yml does not describe the category {name}", highlight=False)
        if made.unnamed or made.undescribed:
            raise typer.Exit(CHECK_FAILED)

    return paperwork
