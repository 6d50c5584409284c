"""What each provider can do, as a table: the README's, made of what the providers declare.

``python -m reverse_etl.delivery.matrix`` writes it between its marks in README.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Capabilities

BEGIN, END = "<!-- providers: begin -->", "<!-- providers: end -->"
COLUMNS = (
    *("provider", "channel", "messages a request", "recognises a repeat", "can be asked"),
    *("reports back", "own headers", "reply to", "credentials"),
)


def rows() -> Iterator[tuple[str, ...]]:
    """A row a provider, of texts in the order of :data:`COLUMNS`."""
    for name in providers.NAMES:
        module = providers.load(name)
        can: Capabilities = module.CAPABILITIES
        yield (
            name,
            can.channel,
            str(can.batch),
            _span(can.idempotent_for),
            *(
                "yes" if able else ""
                for able in (can.looks_up, can.reports, can.headers, can.reply_to)
            ),
            ", ".join(f"`{secret.removeprefix('MARKETING_')}`" for secret in module.SECRETS),
        )


def _span(span: timedelta | None) -> str:
    if span is None:
        return ""
    if span >= timedelta(days=3650):
        return "always"
    if span >= timedelta(days=2):
        return f"{span.days} days"
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    return f"{minutes} min" if not hours else f"{hours} h"


def table() -> str:
    """The table in Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows()]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def rewritten(text: str) -> str:
    """A document with the table between its marks. Raises ``ValueError`` without the marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    readme = Path(__file__).resolve().parents[2] / "README.md"
    readme.write_text(rewritten(readme.read_text()))


if __name__ == "__main__":
    main()
