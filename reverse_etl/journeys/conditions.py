"""What is true of whom at a tick: conditions compiled as segments are, of those who are asked.

A leaf means the same here and in a segment. Where few are asked, the compiled SELECT reads marts
that are narrowed to them and to the other contacts of their accounts, which an account's segment
may count; that changes nothing for them. A rehearsal keeps narrow copies of the marts, with events
cut at what was known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import sqlglot
from sqlglot import exp

from reverse_etl.journeys.facts import Sources
from reverse_etl.journeys.plan import Plan
from reverse_etl.journeys.tick import FACTS
from reverse_etl.segments import leaves
from reverse_etl.segments.asked import label_of
from reverse_etl.segments.compiler import Compiled, compile_segments
from workspace.definitions.segment_fields import NAMED_TYPES
from workspace.definitions.segments import Segment, Segments
from workspace.definitions.unprofiled import unprofiled

#: Marts with rows of contacts that a condition may read.
NARROWED = (
    "contact_features",
    "fct_events",
    "fct_touchpoints",
    "consent_states",
    "list_members",
    "segment_snapshots",
)
#: Of so large a part of all contacts and more, everybody is decided.
MOST = 0.25
#: Conditions whose truths are told in one statement.
TOGETHER = 200


@dataclass
class Conditions:
    """The conditions of a plan. ``copies`` are tables with a ``cid`` that stand for marts."""

    plan: Plan
    sources: Sources
    copies: dict[str, str] = field(default_factory=dict)

    def compile(self, as_of: datetime) -> tuple[Compiled, dict[int, str]]:
        """The compiled conditions, and the key of each by its number."""
        keys = {number: f"journey_condition_{number}" for number in self.plan.conditions}
        asked = {
            keys[number]: Segment(name="A condition", where=condition)
            for number, condition in self.plan.conditions.items()
        }
        segments = self.sources.segments.segments
        guarded = unprofiled(Segments(segments={**segments, **asked}), self.sources.consent)
        asked = {key: guarded.segments[key] for key in asked}
        everything = {**segments, **asked}
        wanted, waiting = set(asked), list(asked)
        while waiting:
            for other in everything[waiting.pop()].references() - wanted:
                wanted.add(other)
                waiting.append(other)
        chosen = Segments(segments={key: everything[key] for key in sorted(wanted)})
        names = list(self.sources.names)
        return compile_segments(chosen, self.sources.fields, names, as_of), keys

    def keep(self, connection: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
        """Copy what the conditions read, for many ticks up to ``as_of``."""
        if not self.plan.conditions:
            return
        compiled, _ = self.compile(as_of)
        tree = sqlglot.parse_one(compiled.verdicts_sql("contact"), read="duckdb")
        for mart, columns in _columns(tree).items():
            if mart == "account_features":
                columns |= {"account_id"}
                listed = ", ".join(f'"{name}"' for name in sorted(columns))
                connection.execute(
                    f"create or replace temp table kept_{mart} as select {listed} from marts.{mart}"
                )
                self.copies[mart] = f"kept_{mart}"
            if mart not in NARROWED:
                continue
            columns |= {"contact_id"}
            columns |= {"account_id"} if mart == "contact_features" else set()
            columns |= {"known_at"} if mart == "fct_events" else set()
            listed = ", ".join(f'm."{name}"' for name in sorted(columns))
            where = _named(compiled, mart)
            connection.execute(
                f"create or replace temp table kept_{mart} as select c.cid, {listed} "
                f"from marts.{mart} as m join journey_contacts as c "
                f"on m.contact_id = c.contact_id where {where}"
            )
            self.copies[mart] = f"kept_{mart}"

    def decide(
        self, connection: duckdb.DuckDBPyConnection, as_of: datetime, asked: Iterable[str]
    ) -> None:
        """``journey_truths`` of the numbers and contacts in the SELECTs ``asked``.

        With each truth stands that of each of its leaves.
        """
        connection.execute(
            f"create or replace temp table journey_truths ({FACTS['journey_truths']})"
        )
        if not self.plan.conditions:
            return
        connection.execute(
            "create or replace temp table tick_asked as "
            f"select distinct number, cid from ({' union all '.join(asked)}) as a (number, cid)"
        )
        row = connection.execute(
            "select count(distinct cid), (select count(*) from journey_contacts) from tick_asked"
        ).fetchone()
        assert row is not None
        people, total = row
        if not people:
            return
        compiled, keys = self.compile(as_of)
        query = compiled.verdicts_sql("contact")
        if self.copies or people < MOST * total:
            self._close(connection, compiled)
            query = _narrow(query, self._narrowed(as_of))
        connection.execute(
            f"""
            create or replace temp table tick_verdicts as
            select c.cid, v.* from ({query}) as v
            join journey_contacts as c on v.contact_id = c.contact_id
            semi join tick_asked on c.cid = tick_asked.cid
            """
        )
        told = [_told(compiled, number, key) for number, key in keys.items()]
        for start in range(0, len(told), TOGETHER):
            together = " union all ".join(told[start : start + TOGETHER])
            connection.execute(f"insert into journey_truths {together}")

    def _close(self, connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
        """``tick_close``: those asked, with their accounts; with their colleagues where accounts
        are decided."""
        people = self.copies.get("contact_features") or (
            "(select c.cid, f.contact_id, f.account_id from marts.contact_features as f "
            "join journey_contacts as c using (contact_id))"
        )
        own = f"select cid, contact_id, account_id from {people} semi join tick_asked using (cid)"
        if any(verdict.unit == "account" for verdict in compiled.verdicts.values()):
            own += (
                f" union select cid, contact_id, account_id from {people} semi join "
                f"(select account_id from {people} semi join tick_asked using (cid)) "
                f"as a using (account_id)"
            )
        connection.execute(f"create or replace temp table tick_close as {own}")

    def _narrowed(self, as_of: datetime) -> dict[str, str]:
        """Mart -> SELECT of its rows of those in ``tick_close``."""
        found = {
            mart: f"select * from marts.{mart} semi join tick_close using (contact_id)"
            for mart in NARROWED
        }
        limit = leaves.moment(as_of).sql("duckdb")
        for mart, copy in self.copies.items():
            cut = f" where known_at <= {limit}" if mart == "fct_events" else ""
            found[mart] = f"select * from {copy} semi join tick_close using (cid){cut}"
        accounts = self.copies.get("account_features", "marts.account_features")
        found["account_features"] = (
            f"select * from {accounts} semi join tick_close using (account_id)"
        )
        return found


def _told(compiled: Compiled, number: int, key: str) -> str:
    parts = []
    for _, unit, _, leaf in compiled.segments.segments[key].leaves():
        name = compiled.leaf_column(unit, leaf)
        if unit == "contact" and name is not None:
            label = exp.Literal.string(f"{label_of(leaf)}: ").sql("duckdb")
            parts.append(f'concat({label}, "{name}")')
    evidence = f"concat_ws('; ', {', '.join(parts)})" if parts else "null"
    return (
        f'select {number}, cid, "v_{key}", {evidence} from tick_verdicts '
        f"semi join (select cid from tick_asked where number = {number}) as a using (cid)"
    )


def _columns(tree: exp.Expression) -> dict[str, set[str]]:
    """Mart -> its columns that the query reads."""
    found: dict[str, set[str]] = {}
    for table in tree.find_all(exp.Table):
        select = table.find_ancestor(exp.Select)
        if table.db != "marts" or select is None:
            continue
        mine = {c.name for c in select.find_all(exp.Column) if c.table == table.alias_or_name}
        found.setdefault(table.name, set()).update(mine)
    return found


def _narrow(query: str, narrowed: Mapping[str, str]) -> str:
    """The query over SELECTs in place of marts."""
    tree = sqlglot.parse_one(query, read="duckdb")
    for table in list(tree.find_all(exp.Table)):
        if table.db == "marts" and table.name in narrowed:
            inside = sqlglot.parse_one(narrowed[table.name], read="duckdb")
            alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True))
            table.replace(exp.Subquery(this=inside, alias=alias))
    return tree.sql("duckdb")


def _named(compiled: Compiled, mart: str) -> str:
    """Which events and touches the conditions ask for at all."""
    if mart not in ("fct_events", "fct_touchpoints"):
        return "true"
    is_event = mart == "fct_events"
    names: set[str] = set()
    kinds: set[str] = set()
    for _, happening in compiled.happenings.values():
        if (happening.event is not None) == is_event:
            if is_event:
                names.update(leaves.called(happening, compiled.names))
                if happening.name in NAMED_TYPES:
                    kinds.add(NAMED_TYPES[happening.name])
            else:
                names.add(happening.name)
    name = leaves.column("m", "event" if is_event else "touch_type")
    parts: list[exp.Expression] = [exp.In(this=name, expressions=_literals(names))] if names else []
    if kinds:
        kind = leaves.column("m", "message_type")
        parts.append(exp.In(this=kind, expressions=_literals(kinds)))
    return leaves.either(parts).sql("duckdb")


def _literals(texts: Iterable[str]) -> list[exp.Expression]:
    return [exp.Literal.string(text) for text in sorted(texts)]
