"""`personas.yml`: whom we speak to, by which rule, and what they care about."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, nearest, no_repeats

Text = Annotated[str, Field(min_length=1)]
Weight = Annotated[float, Field(ge=0, le=1)]
Age = Annotated[int, Field(ge=0, le=150)]
Names = Annotated[list[Text], Field(min_length=1)]


class Condition(Strict):
    """What must hold of a contact; of a list any one. Ages are half-open: from, below."""

    verticals: Names | None = None
    roles: Names | None = None
    account_types: Names | None = None
    age_from: Age | None = None
    age_below: Age | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.model_fields_set:
            raise ValueError("no condition")
        if None not in (self.age_from, self.age_below) and self.age_from >= self.age_below:  # type: ignore[operator]
            raise ValueError("age_from must be less than age_below")
        return self

    def cases(self) -> Iterator[dict[str, Any]]:
        """One combination of single values each; None is any."""
        lists = {
            "vertical": self.verticals,
            "role": self.roles,
            "account_type": self.account_types,
            "persona": getattr(self, "personas", None),
        }
        ages = {"age_from": self.age_from, "age_below": self.age_below}
        for values in product(*(names or [None] for names in lists.values())):
            yield dict(zip(lists, values, strict=True)) | ages


class AudienceCondition(Condition):
    personas: Annotated[list[Key], Field(min_length=1)] | None = None


class Persona(Strict):
    """``topics`` and ``content_types``: how much it cares, 0 to 1."""

    name: Text
    vertical: Key
    written_for: list[Text] = []
    topics: dict[Text, Weight] = {}
    content_types: dict[Text, Weight] = {}


class Rule(Strict):
    id: Key
    persona: Key
    when: Condition


class Audience(Strict):
    name: Text
    when: AudienceCondition
    expected_size: Annotated[int, Field(gt=0)] | None = None
    expected_unit: Literal["contacts", "accounts"] = "contacts"


class Personas(Strict):
    age_property: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] = "age"
    personas: dict[Key, Persona] = {}
    rules: list[Rule] = []
    audiences: dict[Key, Audience] = {}

    @model_validator(mode="after")
    def _known_personas(self) -> Personas:
        no_repeats([rule.id for rule in self.rules], "rule")
        used = [rule.persona for rule in self.rules]
        used += [name for a in self.audiences.values() for name in a.when.personas or []]
        for name in used:
            if name not in self.personas:
                raise ValueError(f"no persona {name!r}{nearest(name, self.personas)}")
        for vertical in self.scopes():
            written = [
                n for p in self.personas.values() if p.vertical == vertical for n in p.written_for
            ]
            no_repeats(written, "written_for")
        return self

    def scopes(self) -> set[str]:
        """Verticals that are named."""
        named = {persona.vertical for persona in self.personas.values()}
        for when in (*(r.when for r in self.rules), *(a.when for a in self.audiences.values())):
            named.update(when.verticals or [])
        return named

    def rows(self) -> Iterator[Row]:
        yield Row("persona_settings", "settings", 1, {"age_property": self.age_property})
        for position, (key, persona) in enumerate(self.personas.items(), 1):
            value = {"persona": key, "name": persona.name, "vertical": persona.vertical}
            yield Row("personas", key, position, value)
            weights = {"topic": persona.topics, "content_type": persona.content_types}
            weights["written_for"] = dict.fromkeys(persona.written_for, 1.0)
            for kind, names in weights.items():
                for n, (name, weight) in enumerate(names.items(), 1):
                    value = {"persona": key, "kind": kind, "name": name, "weight": weight}
                    yield Row("persona_weights", f"{key}/{kind}/{name}", n, value)
        for position, rule in enumerate(self.rules, 1):
            for n, case in enumerate(rule.when.cases(), 1):
                value = case | {"rule_id": rule.id, "persona": rule.persona}
                yield Row("persona_rules", f"{rule.id}/{n}", position, value)
        for position, (key, audience) in enumerate(self.audiences.items(), 1):
            facts = audience.model_dump(exclude={"when"}) | {"audience": key}
            yield Row("audiences", key, position, facts)
            for n, case in enumerate(audience.when.cases(), 1):
                yield Row("audience_cases", f"{key}/{n}", position, case | {"audience": key})
