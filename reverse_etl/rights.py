"""What the roles of read keys may see, over the read API and in the control room."""

from __future__ import annotations

from enum import StrEnum

from workspace.settings import READ_ROLES


class Right(StrEnum):
    """What a route or a page shows."""

    AGGREGATES = "aggregates"
    PEOPLE = "people"
    MESSAGES = "messages"
    AUDIT = "audit"


ROLES: dict[Right, tuple[str, ...]] = {
    Right.AGGREGATES: READ_ROLES,
    Right.PEOPLE: ("analyst", "marketer", "approver", "dpo"),
    Right.MESSAGES: ("marketer", "approver", "dpo"),
    Right.AUDIT: ("dpo",),
}


def refusal(role: str, right: Right) -> str | None:
    """Why a role may not see it; None where it may."""
    if role in ROLES[right]:
        return None
    return f"a {role} may not see this; it needs one of {', '.join(ROLES[right])}"
