"""`identity.yml`: what may join identifiers into one contact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from workspace.definitions.reading import Row, Strict

Count = Annotated[int, Field(ge=1)]


class Source(Strict):
    """An identifier that a system gives out: contacts begin with these."""

    most_per_contact: Count = 5


class Value(Strict):
    """An identifier that may lead to several contacts."""

    most_contacts: Count
    names: Literal["any", "not_different", "same"] = "any"
    most_per_contact: Count | None = None


class Identifiers(Strict):
    """By type, the strongest first."""

    crm_contact: Source = Source()
    user_id: Value = Value(most_contacts=3, names="not_different", most_per_contact=1)
    external_id: Source = Source()
    email: Value = Value(most_contacts=4, names="not_different", most_per_contact=20)
    phone: Value = Value(most_contacts=3, names="same", most_per_contact=20)
    anonymous_id: Value = Value(most_contacts=1)


#: From the strongest to the weakest; a contact is named by the strongest it holds.
TYPES = tuple(Identifiers.model_fields)


Domain = Annotated[str, Field(pattern=r"^([a-z0-9_-]+\.)+[a-z0-9-]{2,}$")]


class Identity(Strict):
    identifiers: Identifiers = Identifiers()
    public_mail_domains: list[Domain] = []

    def rows(self) -> Iterator[Row]:
        for position, name in enumerate(TYPES):
            limits: Source | Value = getattr(self.identifiers, name)
            value = {"most_contacts": None, "names": "any"} | limits.model_dump()
            yield Row("identity_limits", name, position, value)
        for position, domain in enumerate(self.public_mail_domains):
            yield Row("public_mail_domains", domain, position, {})
