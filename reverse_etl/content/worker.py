"""The engine, in a process of its own: ``python -I worker.py MEMORY_BYTES CPU_SECONDS``.

It holds no secret (its environment is empty), opens nothing, and dies where a batch takes more
memory or processor time than it may; `pool` then finds out whose fault it was. It reads and
writes frames of a length (4 bytes, big-endian) and msgpack:

    ["define", part, {piece: [source, is_html]}]  ->  null, or an error
    ["render", part, [{name: value}, …]]          ->  of each its pieces' texts, or an error
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from itertools import chain
from typing import Any

import minijinja
import msgspec

FUEL = 20_000
MOST_CHARACTERS = 1_000_000

#: Everything the engine brings besides what `language` allows, and ``safe`` for values that were
#: escaped before. An unknown name is no error, so newer engines' filters may stand here, too.
REMOVED_FILTERS = """
    abs attr batch bool chain count d default dictsort e escape filesizeformat first float format
    groupby indent int items join last length lines list map max min pluralize pprint random
    reject rejectattr replace reverse round select selectattr slice sort split string striptags
    sum tojson truncate unique urlize wordcount wordwrap xmlattr zip
""".split()  # noqa: SIM905


def environment() -> minijinja.Environment:
    made = minijinja.Environment(
        fuel=FUEL,
        debug=False,
        pycompat=False,
        undefined_behavior="strict",
        auto_escape_callback=lambda name: name.startswith("html:"),
    )
    for name in REMOVED_FILTERS:
        made.remove_filter(name)
    for name in list(made.globals):
        made.remove_global(name)
    return made


class Engine:
    def __init__(self) -> None:
        self.environment = environment()
        self.parts: dict[str, list[str]] = {}

    def define(self, part: str, pieces: dict[str, list[Any]]) -> str | None:
        names = []
        for piece, (source, is_html) in pieces.items():
            name = f"{'html' if is_html else 'text'}:{part}:{piece}"
            try:
                self.environment.add_template(name, source)
            except minijinja.TemplateError as error:
                return f"{piece}: {told(error)}"
            names.append(name)
        self.parts[part] = names
        return None

    def render(self, part: str, values: list[dict[str, Any]]) -> list[list[str] | str]:
        names, render = self.parts[part], self.environment.render_template
        found: list[list[str] | str]
        try:
            if len(names) == 1:
                (name,) = names
                found = [[render(name, **its)] for its in values]
            else:
                found = [[render(name, **its) for name in names] for its in values]
        except minijinja.TemplateError:  # some values are at fault: which ones is asked anew
            found = [self._one(names, its) for its in values]
        if sum(map(len, chain.from_iterable(found))) > MOST_CHARACTERS:
            for place, texts in enumerate(found):
                if isinstance(texts, list) and sum(map(len, texts)) > MOST_CHARACTERS:
                    found[place] = f"more than {MOST_CHARACTERS:,} characters"
        return found

    def _one(self, names: list[str], its: dict[str, Any]) -> list[str] | str:
        try:
            return [self.environment.render_template(name, **its) for name in names]
        except minijinja.TemplateError as error:
            return told(error)


def told(error: minijinja.TemplateError) -> str:
    """An error without its detail, which may hold a person's values."""
    return f"{error.kind}, line {error.line}"


def limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))


def serve(cpu_seconds: float) -> None:
    read, write = sys.stdin.buffer, sys.stdout.buffer
    decode, encode = msgspec.msgpack.Decoder().decode, msgspec.msgpack.Encoder().encode
    engine = Engine()
    actions = {"define": engine.define, "render": engine.render}
    while len(size := read.read(4)) == 4:
        what, part, given = decode(read.read(int.from_bytes(size, "big")))
        # Processor time, not time: a busy machine makes nobody's message late.
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        answer = encode(actions[what](part, given))
        signal.setitimer(signal.ITIMER_PROF, 0)
        write.write(len(answer).to_bytes(4, "big"))
        write.write(answer)
        write.flush()


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(float(sys.argv[2]))
    os._exit(0)
