"""A thousand random histories of consent: what happened, and the lake rows that tell it.

Each statement goes the way its source's statements come in, so the intake is tested with the
fold. Times are few and repeat, so that ties, boundaries and late knowledge are common.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.dbt.consent_oracle import Cell, Person, Statement, about, is_of, state
from tests.dbt.consent_organisations import Speaker
from tests.dbt.consent_people import Teller
from tests.dbt.consent_world import AS_OF, CLICKS, EARLIER, Place, World, cells

__all__ = ["AS_OF", "CLICKS", "EARLIER", "World", "cells", "expected", "make", "told_by"]


def make(count: int, seed: int) -> World:
    rng = random.Random(seed)
    world = World()
    for number in range(count // 8 + 1):
        domain = f"d{number}.fr"
        written = rng.choice([domain, domain, f"https://www.{domain}/accueil"])
        world.places.append(Place(f"org{number}", domain, written))
    for number in range(count):
        _history(rng, world, number, count)
    for place in world.places:
        if rng.random() < 0.6:
            Speaker(rng, world, place).speak()
        else:
            Speaker(rng, world, place).introduce()
    return world


def _history(rng: random.Random, world: World, number: int, count: int) -> None:
    me = f"p{number}"
    teller = Teller(rng, world, me)
    world.ties[me] = teller.ties
    if number % 10 == 0 and number + 1 < count:
        teller.ties.swallowed = (rng.choice(teller.times), f"p{number + 1}")
    if rng.random() < 0.5:
        teller.join()
    old = rng.random() < 0.2
    teller.introduce(twice=rng.random() < 0.3, old=old)
    if not old and rng.random() < 0.2:  # an old tool would go on holding the address
        teller.correct(rng.choice(teller.times))
    for _ in range(rng.randint(0, 3)):
        teller.live(rng.choice(teller.times))
    if rng.random() < 0.4:
        teller.buy(rng.choice(teller.times))
    for _ in range(rng.randint(1, 6)):
        decided = rng.choice(teller.times)
        late = rng.choice([timedelta(0), timedelta(0), timedelta(days=2), timedelta(days=200)])
        rng.choice(
            [
                teller.record,
                teller.record,
                teller.record,
                teller.confirm,
                teller.bring,
                teller.bring,
                teller.list_,
                teller.deliver,
                teller.mail,
                teller.tick,
                teller.submit,
            ]
        )(decided, decided + late)
    teller.finish()


def expected(world: World, as_of: datetime) -> dict[tuple[str, str, str, str], str]:
    """(subject, purpose, channel, brand) -> state, for people and for nobody's identifiers."""
    found = {}
    for person, mine, alive_by in _subjects(world, as_of):
        signs = [
            s.decided
            for s in world.statements[CLICKS]
            if s.identifier in alive_by and s.known <= as_of
        ]
        # What was not known yet is not looked at.
        seen = replace(
            person,
            signs=[*person.signs, *signs],
            sold=person.sold if person.sold and person.sold < as_of else None,
        )
        unheard = {s for s in mine if not any(about(s, cell) for cell in cells())}
        for cell in cells() + _unlisted(unheard):
            for brand in ("", "hub"):
                # What is said under an unlisted name stays with it.
                said = mine - unheard
                if not cell.bases:
                    said = {s for s in unheard if _names(s) == (cell.purpose, cell.channel)}
                signs_of = list(said) + [replace(s, covers="") for s in mine - said]
                answer = state(seen, signs_of, cell, brand, as_of)
                if answer is not None:
                    found[person.name, cell.purpose, cell.channel, brand] = answer
    return found


def told_by(world: World, as_of: datetime) -> dict[str, set[Statement]]:
    """Subject -> what it is known to have said by then: people, and identifiers that nobody has."""
    return {
        person.name: {s for s in said if s.known <= as_of and (s.decided < as_of or not s.timed)}
        for person, said, _ in _subjects(world, as_of)
    }


def _subjects(world: World, as_of: datetime) -> Iterator[tuple[Person, set[Statement], set[str]]]:
    """People with what they said by all their identifiers, and identifiers with what is nobody's:
    that nobody has, or that who had them has given up; and by what they give signs of life."""
    people = world.persons(as_of)
    owned: set[int] = set()
    for person in people:
        told = [s for name in person.identifiers for s in world.statements.get(name, [])]
        mine = [s for s in told if is_of(s, person)]
        owned |= {id(s) for s in mine}
        yield person, set(mine), person.identifiers
    known = {name for person in people for name in person.identifiers}
    corrected = [(p, world.ties[p.name].corrected) for p in world.people]
    at_work = {given[1] for person, given in corrected if given and person.professional}
    for name, statements in world.statements.items():
        left = {s for s in statements if s.identifier == name and id(s) not in owned}
        if name != CLICKS and left:
            # Who gave an address up is still who clicks in mails to it.
            is_professional = name in at_work
            yield Person(name, {name}, professional=is_professional), left, {name} - known


def _unlisted(unheard: set[Statement]) -> list[Cell]:
    """A purpose and channel that the policy does not have: nothing can be granted for it."""
    names = {_names(s) for s in unheard}
    return [Cell(*name, False, False, False, None) for name in sorted(names)]


def _names(s: Statement) -> tuple[str, str]:
    return s.purpose or "all", s.channel
