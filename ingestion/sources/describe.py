"""Every source as Markdown, for `docs/sources.md`: what it asks for, and what it needs.

python -m ingestion.sources.describe     # writes it into the page
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ingestion.sources import registry
from ingestion.sources.model import Resource, Source, Variable
from workspace.paths import PROJECT

PAGE = PROJECT / "docs" / "sources.md"
_BEGIN, _END = "<!-- sources -->\n", "<!-- end of sources -->\n"
_UNITS = {name: timedelta(**{f"{name}s": 1}) for name in ("day", "hour", "minute", "second")}


def page() -> str:
    """The page's text with the sources as their declarations have them."""
    before, rest = PAGE.read_text("utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    return before + _BEGIN + sources_markdown() + _END + after


def sources_markdown() -> str:
    """One section per source, in the registry's order."""
    return "\n".join(map(_section, registry.load_all()))


def command(source: Source) -> str:
    """What asks a source by itself."""
    return f"python -m {source.module.removesuffix('.source')}"


def variables(source: Source) -> list[Variable]:
    """The environment variables of a source, that of its address among them."""
    url = Variable(source.url_variable, "another address", required=False, default=source.url)
    own = list(source.variables)
    return own if url.name in {variable.name for variable in own} else [*own, url]


def _section(source: Source) -> str:
    asked = f"every {_length(source.every)}".replace(" 1 ", " ") if source.every else "in every run"
    return "\n".join(
        [
            f"### {source.title}\n",
            f"`{command(source)}`. Asked {asked}. Our own limit of requests: "
            f"{_rate(source.per_second)}, {source.burst} at once.\n",
            *_table(
                ("resource", "what", "endpoint", "kind", "look-back"),
                map(_resource, source.resources),
            ),
            "",
            *_table(("variable", "what", ""), map(_variable, variables(source))),
            "",
        ]
    )


def _resource(resource: Resource) -> list[str]:
    look_back = _length(resource.look_back) if resource.look_back else ""
    return [
        f"`{resource.name}`",
        resource.description,
        f"`{resource.endpoint}`",
        f"`{resource.kind}`",
        look_back if resource.pages else "comes along",
    ]


def _variable(variable: Variable) -> list[str]:
    needed = "required" if variable.required else "optional"
    return [
        f"`{variable.name}`",
        variable.what,
        needed if variable.default is None else f"default `{variable.default}`",
    ]


def _table(head: tuple[str, ...], rows: Iterable[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _length(time: timedelta) -> str:
    """A length of time in the largest unit that it is whole in: 28 days, 1 hour."""
    name, unit = next((name, unit) for name, unit in _UNITS.items() if not time % unit)
    count = time // unit
    return f"{count} {name}{'' if count == 1 else 's'}"


def _rate(per_second: float) -> str:
    for name, seconds in (("second", 1), ("minute", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:g} a {name}"
    return f"{per_second * 3600:g} an hour"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
