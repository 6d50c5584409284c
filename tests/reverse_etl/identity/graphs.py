"""Small graphs of identifiers, told or drawn."""

from __future__ import annotations

import random

from reverse_etl.identity.resolve import Evidence, Identifier, Name
from workspace.definitions.identity import TYPES

WORDS = dict(zip(("crm", "user", "old", "email", "phone", "device"), TYPES, strict=True))


def evidence_of(links: str, names: dict[str, Name] | None = None) -> Evidence:
    """Links such as ``crm:1-email:a``, the stronger identifier first."""
    pairs = tuple(tuple(link.split("-")) for link in links.split())
    keys = dict.fromkeys(key for pair in pairs for key in pair)
    identifiers = tuple(Identifier(WORDS[key.split(":")[0]], key, key) for key in keys)
    return Evidence(identifiers, pairs, names or {})  # type: ignore[arg-type]


def random_evidence(seed: int, prefix: str = "") -> Evidence:
    """A few people with everything that can go wrong between them."""
    rng = random.Random(seed)
    keys = {kind: [f"{prefix}{kind[:2]}{n}" for n in range(rng.randint(1, 6))] for kind in TYPES}
    groups = {key: key for own in keys.values() for key in own}
    for kind in ("crm_contact", "user_id"):
        for key in keys[kind]:
            if rng.random() < 0.15:
                other = rng.choice(keys[kind])
                old, new = sorted((groups[key], groups[other]), reverse=True)
                groups = {k: new if g == old else g for k, g in groups.items()}
    links = set()
    for _ in range(rng.randint(0, 30)):
        stronger, weaker = sorted(rng.sample(range(len(TYPES)), 2))
        # Old ids are known by their address and phone only.
        if (
            TYPES[weaker] == "external_id"
            or {stronger, weaker} == {0, 5}
            or stronger == 2 == weaker
        ):
            continue
        links.add((rng.choice(keys[TYPES[stronger]]), rng.choice(keys[TYPES[weaker]])))
    names = {}
    for group in sorted({groups[key] for key in keys["crm_contact"] + keys["external_id"]}):
        if rng.random() < 0.7:
            first = rng.choice(["anne", "anna", "bob", None])
            initial = first[0] if first else rng.choice(["a", None])
            names[group] = Name(rng.choice(["durand", "durand", "petit"]), initial, first)
    identifiers = tuple(
        Identifier(kind, key, groups[key]) for kind, own in keys.items() for key in own
    )
    return Evidence(identifiers, tuple(sorted(links)), names)
