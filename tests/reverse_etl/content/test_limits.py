"""Hostile templates: the border refuses them, and behind it the workers stop them."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl.content.language import DEEPEST, FILTERS, read_source
from reverse_etl.content.library import Library
from reverse_etl.content.pool import MEMORY_BYTES, STOPPED, Batch, Pool, Worker
from reverse_etl.content.skeleton import skeleton
from reverse_etl.content.worker import REMOVED_FILTERS, Engine
from tests.reverse_etl.content.folders import folder
from workspace.definitions.reading import DefinitionError

CANARY = "canary-7f3a9c"

#: Template injections, by what they reach for.
INJECTIONS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].environ }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__ }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ name.__class__ }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ name|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ name.format(name) }}",
    "{{ '%0900000000d'|format(1) }}",
    "{{ ()|attr('x') }}",
    "{{ [].append(1) }}",
    "{{ dict(a=1) }}",
    "{{ debug() }}",
    "{{ range(9) }}",
    "{{ env('HOME') }}",
    "{{ expandenv('$HOME') }}",
    "{{ environ }}",
    "{{ loop }}",
    "{{ caller() }}",
    "{{ super() }}",
    "{{ name|map('upper') }}",
    "{{ name|tojson }}",
    "{{ name|safe }}",
    "{{ name|replace('a', 'b') }}",
    "{{ name|pprint }}",
    "{{ name|default('x') }}",
    "{{ name * 10 }}",
    "{{ 7 ** 99 }}",
    "{{ 7*7 }}",
    "{{ name ~ name }}",
    "{{ name[0] }}",
    "{{ name[::2] }}",
    "{{ name is defined }}",
    "{{ not_declared }}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% set x = 1 %}",
    "{% with x = 1 %}{% endwith %}",
    "{% for x in name %}{% endfor %}",
    "{% do name %}",
    "{% filter upper %}{% endfilter %}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% raw %}{{ name }}{% endraw %}",
    "{% debug %}",
    "{% if name.__class__ %}{% endif %}",
    "{% if name in range(3) %}{% endif %}",
    "{{",
    "{{ }}",
    "{% if %}",
    "{% endif %}",
    "{{ name",
    "a\0b",
    "a\x1f0\x1fb",
]

#: What would cost much, if only the engine stood there.
COSTLY = {
    "long loops": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "a long text": "{{ 'a' * 900000000 }}",
    "many long texts": "{{ 'a' * 60000000 ~ 'a' * 60000000 ~ 'a' * 60000000 ~ 'a' * 60000000 }}",
    "doubling": "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "a format": "{{ '%0900000000d'|format(1) }}",
    "a large list": "{{ range(99999)|list * 999 }}",
    "a recursion": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "itself": "{% include 'html:costly:html' %}",
}


#: Takes all the memory a worker may have, and the worker with it.
DEADLY = "{% set b = 'a' * 9000000 %}" + "{{ b }}" * 100


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(1) as made:
        yield made


@pytest.mark.parametrize("source", INJECTIONS)
def test_the_border_refuses(source: str, tmp_path: Path) -> None:
    """As part of a template, so that what it may name counts, too; with the file and line."""
    files = {"fr/subject.txt": "a", "fr/email.txt": f"\n\n{source}\n"}
    with pytest.raises(DefinitionError) as refused:
        Library.load(folder(tmp_path, files))
    assert any("fr/email.txt:" in fault for fault in refused.value.faults)


@pytest.mark.parametrize("source", INJECTIONS)
def test_the_engine_alone_gives_nothing_away(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_SECRET", CANARY)
    engine = Engine()
    values = {"name": "Zoé"}
    answer: object = engine.define("p", {"text": (source, False)})
    if answer is None:
        (answer,) = engine.render("p", [values])
    text = answer[0] if isinstance(answer, list) else str(answer)
    for secret in (CANARY, os.environ["PATH"], "<class", "<module", "<function", "os.", "root:"):
        assert secret not in text
    assert len(text) < 200


def test_workers_have_no_environment_and_limits() -> None:
    worker = Worker()
    try:
        worker.start("p", {"text": ("{{ name }}", False)}, [{"name": "x"}])
        assert worker.answer() == [["x"]]
        process = Path(f"/proc/{worker.process.pid}")
        if not process.exists():
            pytest.skip("no /proc here")
        assert (process / "environ").read_bytes() == b""
        limits = (process / "limits").read_text()
        assert f"Max address space         {MEMORY_BYTES}" in limits and MEMORY_BYTES < 256 << 20
        assert "Max file size             0" in limits
    finally:
        worker.close()


@pytest.mark.parametrize("name", COSTLY)
def test_costly_templates_are_stopped(pool: Pool, name: str) -> None:
    def spent() -> float:
        pool.close()  # its workers are waited for, and count
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    part = f"costly:{name}"
    before = spent()
    try:
        (outcomes,) = pool.render([Batch(part, {"html": (COSTLY[name], True)}, [{"x": "1"}])])
        assert isinstance(outcomes[0], str), "it was rendered"
    except ValueError as error:
        assert "a" * 100 not in str(error)
    # In processor time, starting a worker included: a busy machine fails nothing.
    assert spent() - before < 2


def test_others_in_a_batch_get_their_message(pool: Pool) -> None:
    """Only a value that costs too much goes without; the engine takes what the border would not."""
    source = "{% if n == 'bad' %}" + DEADLY + "{% else %}{{ n }}{% endif %}"
    names = ["a", "b", "bad", "c", "bad", "d"]
    (outcomes,) = pool.render(
        [Batch("mixed", {"text": (source, False)}, [{"n": n} for n in names])]
    )
    assert outcomes == [["a"], ["b"], STOPPED, ["c"], STOPPED, ["d"]]


def test_a_template_that_kills_workers_is_given_up(pool: Pool) -> None:
    values = [{"n": str(n)} for n in range(500)]
    (outcomes, after) = pool.render(
        [
            Batch("deadly", {"text": (DEADLY, False)}, values),
            Batch("good", {"text": ("{{ n }}", False)}, values[:2]),
        ]
    )
    assert outcomes == [STOPPED] * 500 and after == [["0"], ["1"]]


def test_a_worker_that_was_killed_is_replaced(pool: Pool) -> None:
    batch = Batch("good", {"text": ("{{ n }}", False)}, [{"n": "x"}])
    assert pool.render([batch]) == [[["x"]]]
    pool.idle[0].process.kill()
    pool.idle[0].process.wait()
    assert pool.render([batch, batch]) == [[["x"]], [["x"]]]


def test_a_long_output_is_refused(pool: Pool) -> None:
    source = "{{ n }}" * 1_500
    batch = Batch("long", {"text": (source, False)}, [{"n": "x" * 2_000}, {"n": "y"}])
    ((long, short),) = pool.render([batch])
    assert long == "more than 1,000,000 characters" and short == ["y" * 1_500]


def test_nesting_and_length_are_bounded() -> None:
    deep = "{% if a %}" * (DEEPEST + 1) + "x" + "{% endif %}" * (DEEPEST + 1)
    for source in (
        deep,
        "{{ " + "(" * 100_000 + "a" + ")" * 100_000 + " }}",
        "{{ " + "not " * 20_000 + "a }}",
        "{% if a %}" * 20_000,
        "x" * 1_000_000,
        "{{ a }}" * 1_000_000,
        "{{ '" + "a" * 1_000 + "' }}",
        "{% if a in [" + "'b', " * 1_000 + "] %}{% endif %}",
        "{{ a" + "|upper" * 50 + " }}",
    ):
        assert read_source(source).faults, source[:40]
    fine = "{% if a %}" * 10 + "x" + "{% endif %}" * 10
    assert not read_source(fine).faults


def test_the_filters_that_are_allowed_are_the_engines() -> None:
    engine = Engine()
    assert not FILTERS & set(REMOVED_FILTERS)
    for name in FILTERS:
        assert engine.define(name, {"text": (f"{{{{ a|{name} }}}}", False)}) is None
        assert isinstance(engine.render(name, [{"a": "é x"}])[0], list), name


_FIELDS = ("a", "b")
#: A letter outside of tags and marks.
_TEXTS_LEFT = re.compile(r"(?:^|[}\x1f])[^{\x1f]*[xé]")
_TEXTS = st.text(st.sampled_from("x é\n<>&\"'{}%#- "), max_size=40).map(
    lambda text: text.replace("{", "( ").replace("}", " )")
)
_OUTPUTS = st.builds(
    lambda field, name, left, right: f"{{{{{left} {field}{name} {right}}}}}",
    st.sampled_from(_FIELDS),
    st.sampled_from(["", *(f"|{name}" for name in sorted(FILTERS - {"urlencode"}))]),
    st.sampled_from(["", "-"]),
    st.sampled_from(["", "-"]),
)
_SOURCES = st.recursive(
    _TEXTS | _OUTPUTS,
    lambda inner: (
        st.lists(inner, max_size=4).map("".join)
        | st.builds(
            lambda test, yes, no: f"{{% if {test} %}}{yes}{{%- else %}}{no}{{% endif -%}}",
            st.sampled_from(
                ["a", "a == 'x'", "b in ['x', 'y']", "not a", "a|upper", "'{{ a|upper }}' != b"]
            ),
            inner,
            inner,
        )
    ),
    max_leaves=12,
)


def test_what_is_filtered_again_and_again_is_asked_once() -> None:
    source = "{% if '{{ a|upper }}' != a %}{{ a|upper }}{{- a|upper -}} {{a|upper|trim}}{% endif %}"
    bare = skeleton(source)
    assert bare.source.count("= a|upper %") == 1 and bare.source.count("a|upper|trim") == 1
    assert "'{{ a|upper }}' != a" in bare.source
    assert skeleton("{{ a|upper }}{{ b|upper }}{{ a }}{{ a }}").source.count("set") == 0


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_SOURCES, st.sampled_from(["", "x", "<é>", "{{ a }}"]), st.sampled_from(["y", "&"]))
def test_what_is_always_there_is_put_back(source: str, a: str, b: str) -> None:
    """The engine on the whole source is the oracle for the engine on its skeleton."""
    assert not read_source(source).faults
    engine = Engine()
    bare = skeleton(source, shortest=1)
    assert not _TEXTS_LEFT.search(bare.source)
    whole = engine.define("whole", {"html": (source, True)})
    assert whole is None and engine.define("bare", {"html": (bare.source, True)}) is None
    values = [{"a": a, "b": b}]
    ((expected,),) = engine.render("whole", values)
    ((rendered,),) = engine.render("bare", values)
    # A last line break is the one thing the engine takes off a source.
    assert bare.filled(rendered).rstrip("\n") == expected.rstrip("\n")
