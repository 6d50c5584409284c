"""Identity resolution in plain Python: the same rules as the models ``int_identity_*``, written
from docs/identity.md and not from their SQL. It answers what-ifs, and tests hold the two together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from workspace.definitions.identity import TYPES, Identifiers, Source, Value

#: Contacts begin with what these systems gave out; every other type joins or is alone.
SOURCES = ("crm_contact", "external_id")
STEPS = tuple(name for name in TYPES if name not in SOURCES)


class Identifier(NamedTuple):
    """``group`` stands for all that the CRM merged, or a sender aliased, into one."""

    type: str
    key: str
    group: str


class Name(NamedTuple):
    """Plain text (no case, no accents); ``first`` is None where it is only an abbreviation."""

    last: str
    initial: str | None
    first: str | None


class Resolved(NamedTuple):
    contact_id: str | None
    verdict: str


@dataclass(frozen=True)
class Evidence:
    """What is known: identifiers, pairs of keys (stronger, weaker), and names by group."""

    identifiers: tuple[Identifier, ...]
    links: tuple[tuple[str, str], ...]
    names: Mapping[str, Name]


def resolve(evidence: Evidence, limits: Identifiers) -> dict[str, Resolved]:
    """Key of every identifier -> its contact and why."""
    by_key = {identifier.key: identifier for identifier in evidence.identifiers}
    stronger_of: dict[str, set[str]] = defaultdict(set)
    for stronger, weaker in evidence.links:
        stronger_of[weaker].add(stronger)

    label: dict[str, str | None] = {}
    verdict: dict[str, str] = {}
    for identifier in evidence.identifiers:
        if identifier.type in SOURCES:
            label[identifier.key], verdict[identifier.key] = identifier.group, "alone"
    for step in STEPS:
        _step(step, by_key, stronger_of, evidence.names, limits, label, verdict)

    strongest: dict[str, tuple[int, str]] = {}
    for key, its_label in label.items():
        kind = by_key[key].type
        if its_label is not None and kind != "anonymous_id":
            rank = (TYPES.index(kind), key)
            strongest[its_label] = min(strongest.get(its_label, rank), rank)
    return {
        key: Resolved(strongest.get(its_label, (0, None))[1] if its_label else None, verdict[key])
        for key, its_label in label.items()
    }


def _step(
    step: str,
    by_key: Mapping[str, Identifier],
    stronger_of: Mapping[str, set[str]],
    names: Mapping[str, Name],
    limits: Identifiers,
    label: dict[str, str | None],
    verdict: dict[str, str],
) -> None:
    """Judge every value of one type at once; changes ``label`` and ``verdict``."""
    mine = [identifier for identifier in by_key.values() if identifier.type == step]
    rule: Value = getattr(limits, step)
    leads_to: dict[str, set[str]] = defaultdict(set)
    holders: dict[str, set[str]] = defaultdict(set)
    for identifier in mine:
        for stronger in stronger_of.get(identifier.key, ()):
            its_label = label.get(stronger)
            if its_label is not None:
                leads_to[identifier.group].add(its_label)
            if by_key[stronger].type in SOURCES:
                holders[identifier.group].add(by_key[stronger].group)

    judged: dict[str, str] = {}
    for group, contacts in leads_to.items():
        if len(contacts) == 1:
            judged[group] = "attached"
        elif len(contacts) > rule.most_contacts:
            judged[group] = "shared"
        elif not _names_agree(rule.names, holders[group], names):
            judged[group] = "names"
        else:
            judged[group] = "joined"

    parent: dict[str, str] = {}

    def find(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for group, contacts in leads_to.items():
        if judged[group] == "joined":
            first, *others = contacts
            for other in others:
                parent[find(other)] = find(first)
    crowded = _crowded({find(node) for node in list(parent)}, find, parent, by_key, label, limits)

    for key, its_label in label.items():
        if its_label in parent and find(its_label) not in crowded:
            label[key] = find(its_label)
    for identifier in mine:
        group = identifier.group
        word = judged.get(group, "alone")
        its_label: str | None = None
        if word == "alone":
            its_label = group
        elif word in ("attached", "joined"):
            one = next(iter(leads_to[group]))
            root = find(one) if one in parent else one
            if word == "joined" and root in crowded:
                word = "crowded"
            else:
                its_label = one if root in crowded else root
        label[identifier.key], verdict[identifier.key] = its_label, word


def _names_agree(rule: str, holders: Iterable[str], names: Mapping[str, Name]) -> bool:
    if rule == "any":
        return True
    groups = list(holders)
    known = [names[group] for group in groups if group in names]
    differ = (
        len({name.last for name in known}) > 1
        or len({(name.last, name.initial) for name in known if name.initial}) > 1
        or len({(name.last, name.first) for name in known if name.first}) > 1
    )
    if differ:
        return False
    return rule != "same" or all(group in names and names[group].first for group in groups)


def _crowded(
    roots: set[str],
    find,
    parent: Mapping[str, str],
    by_key: Mapping[str, Identifier],
    label: Mapping[str, str | None],
    limits: Identifiers,
) -> set[str]:
    """The joined contacts that would hold more of a type than they may, and than any part did."""
    held: dict[str, dict[str, dict[str, set[str]]]] = {root: {} for root in roots}
    for key, its_label in label.items():
        if its_label is not None and its_label in parent:
            identifier = by_key[key]
            parts = held[find(its_label)].setdefault(identifier.type, {})
            parts.setdefault(its_label, set()).add(identifier.group)
    found = set()
    for root, types in held.items():
        for kind, parts in types.items():
            rule: Source | Value = getattr(limits, kind)
            sizes = [len(groups) for groups in parts.values()]
            if rule.most_per_contact and sum(sizes) > max(rule.most_per_contact, *sizes):
                found.add(root)
    return found
