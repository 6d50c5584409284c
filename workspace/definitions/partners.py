"""`partners.yml`: who brings us customers, and under which names the CRM knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats

Name = Annotated[str, Field(min_length=1)]


class Partner(Strict):
    name: Name
    type: Literal["institutional", "technology", "channel"]
    verticals: list[Key] = []
    aliases: list[Name] = []


class Partners(Strict):
    """``crm_property`` is the property of contacts and deals that names the partner."""

    crm_property: Name = "partner"
    partners: dict[Key, Partner] = {}

    @model_validator(mode="after")
    def _one_partner_a_name(self) -> Partners:
        names = [
            name.strip().casefold() for p in self.partners.values() for name in (p.name, *p.aliases)
        ]
        no_repeats(names, "partner name")
        return self

    def scopes(self) -> set[str]:
        return {vertical for partner in self.partners.values() for vertical in partner.verticals}

    def rows(self) -> Iterator[Row]:
        yield Row("partner_settings", "settings", 1, {"crm_property": self.crm_property})
        for position, (key, partner) in enumerate(self.partners.items(), 1):
            value = {
                "partner_id": key,
                "name": partner.name,
                "partner_type": partner.type,
                "verticals": ", ".join(partner.verticals) or None,
            }
            yield Row("partners", key, position, value)
            for n, name in enumerate((partner.name, *partner.aliases), 1):
                known = name.strip().lower()
                yield Row("partner_names", known, n, {"partner_id": key, "known_name": known})
