"""Render mails: our engine with its limits, and Jinja2's sandboxed environment.

    python -m benchmarks.rendering [--messages N]

``messages`` mails of 3 kB of HTML each, by default 40,000: a newsletter of twenty items with 68
merge tags and 42 conditions, each with other values, as the template language's border asks for it
(what goes into a link is ``|urlencode``). The peer is ``ImmutableSandboxedEnvironment``, escaping,
with strict undefined values and a template compiled once. Both are given dicts and give texts,
which are compared byte by byte. Ours is measured in one process beside the peer, and as it is
used: in worker processes, with the values going there and the texts coming back. The last line is
the whole way of a shipped template: values checked, fallbacks, subject, HTML and text, the
payload's canonical bytes. They take turns; each one's best turn counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reverse_etl.content.library import Library, Rendered, Request
from reverse_etl.content.pool import Batch, Pool
from reverse_etl.content.preview import samples
from reverse_etl.content.skeleton import Skeleton, skeleton
from reverse_etl.content.worker import Engine
from workspace.paths import PROJECT

MESSAGES = 40_000
ITEMS = 20
BATCH = 200
#: Batches that the workers are given in one turn.
TURN = 10
TEMPLATE = "medical_trial_day_10"

_ITEM = (
    '{{% if title_{n} %}}<p><a href="https://www.example.com/{n}?of={{{{ reader|urlencode }}}}">'
    "{{{{ title_{n} }}}}</a>{{% if topic_{n} %}}<br>{{{{ topic_{n} }}}}{{% endif %}}</p>"
    "{{% endif %}}\n"
)
BODY = (
    "<h1>{{ heading }}</h1><p>Bonjour {{ first_name }} {{ last_name }},</p>\n"
    "{% if stage == 'trial' %}<p>L'essai de {{ company }} se termine le {{ ends_on }}.</p>"
    "{% elif stage in ['contract', 'renewal'] %}<p>Le contrat de {{ company }} court.</p>"
    "{% endif %}\n"
    + "".join(_ITEM.format(n=n) for n in range(1, ITEMS + 1))
    + "<p>{{ signature }}</p>\n"
)
SOURCE = BODY + "<p>Nous restons à votre écoute.</p>\n" * 10 + "<p>{{ company }}</p>"


def people(count: int) -> list[dict[str, Any]]:
    items = {f"title_{n}": f"Bloc & planning : trois points ({n})" for n in range(1, ITEMS + 1)}
    items |= {f"topic_{n}": "récupération améliorée" if n % 3 else "" for n in range(1, ITEMS + 1)}
    return [
        {
            **items,
            "heading": "À lire cette semaine",
            "reader": f"r{number}",
            "first_name": f"Zoé {number}",
            "last_name": "Martin <Lyon>",
            "company": f"Clinique n° {number % 997}",
            "stage": ("trial", "contract", "none")[number % 3],
            "ends_on": "17 novembre 2026",
            "signature": "Toute notre équipe" if number % 2 else "Camille",
        }
        for number in range(count)
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=MESSAGES)
    values = people(max(BATCH, parser.parse_args(arguments).messages))
    batches = [values[start : start + BATCH] for start in range(0, len(values), BATCH)]
    peer = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    theirs = peer.from_string(SOURCE)
    pieces = {"html": (SOURCE, True)}
    bare = skeleton(SOURCE)
    engine = Engine()
    assert engine.define("mail", {"html": (bare.source, True)}) is None
    with Pool() as pool:

        def sent(some: list[list[dict[str, Any]]]) -> list[str]:
            answers = pool.render(Batch("mail", pieces, its) for its in some)
            return [outcome[0] for its in answers for outcome in its]

        seconds = {"jinja2": 1e9, "engine": 1e9, "workers": 1e9}
        for start in range(0, len(batches), TURN):
            some = batches[start : start + TURN]
            first = some[0]
            ways: dict[str, tuple[int, Callable[[], list[str]]]] = {
                "jinja2": (1, lambda first=first: [theirs.render(each) for each in first]),
                "engine": (1, lambda first=first: ours(engine, bare, first)),
                "workers": (len(some), lambda some=some: sent(some)),
            }
            texts = {}
            for name, (its_batches, work) in ways.items():
                begin = time.perf_counter()
                texts[name] = work()
                took = (time.perf_counter() - begin) / its_batches / BATCH
                seconds[name] = min(seconds[name], took)
            # ' and / are written as different references to one character; the values have none.
            assert texts["jinja2"] == texts["engine"] == texts["workers"][:BATCH], "they differ"
    print(f"a mail of {len(texts['engine'][0].encode()):,} bytes; mails a second:")
    print(f"  jinja2 sandbox     {1 / seconds['jinja2']:>9,.0f}")
    for name in ("engine", "workers"):
        ratio = seconds["jinja2"] / seconds[name]
        print(f"  our {name:<14} {1 / seconds[name]:>9,.0f}   ratio {ratio:.1f}")
    whole_way(len(values) // 8)


def ours(engine: Engine, bare: Skeleton, some: list[dict[str, Any]]) -> list[str]:
    return [bare.filled(text) for (text,) in engine.render("mail", some)]


def whole_way(count: int) -> None:
    with Library.load(PROJECT / "marketing", {TEMPLATE}) as library:
        made_up = samples(library, TEMPLATE)
        requests = [
            Request(
                TEMPLATE,
                "email",
                "fr",
                {**made_up, "contact.first_name": f"Zoé {number}"},
                frozenset({"trial_without_contract"}),
            )
            for number in range(count)
        ]
        library.render(requests[:400])  # the workers have started
        start = time.perf_counter()
        answers = library.render(requests)
        seconds = time.perf_counter() - start
    assert all(isinstance(answer, Rendered) for answer in answers)
    size = sum(len(answer.payload) for answer in answers) / count
    print(f"  the whole way      {count / seconds:>9,.0f}   payloads of {size:,.0f} bytes")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
