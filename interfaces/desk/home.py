"""The first page: what waits, what is held back, and where to go."""

from __future__ import annotations

from interfaces.desk import approvals
from interfaces.desk.office import Answer, Ask, Office
from reverse_etl.publish import NothingPublished, published_as_of
from workspace import decisions
from workspace.definitions import DefinitionError
from workspace.ledger import pauses


def shown(office: Office, ask: Ask) -> Answer:
    """GET /"""
    faults, waiting = "", None
    try:
        waiting = sum(row.state == "waiting" for row in approvals.rows(office))
    except DefinitionError as error:
        faults = str(error)
    try:
        as_of = published_as_of(office.settings.paths)
    except NothingPublished:
        as_of = None
    with decisions.ledger_of(office.settings) as ledger:
        held = pauses.held(ledger)
    return office.page(
        ask,
        "home.html",
        "The desk",
        waiting=waiting,
        faults=faults,
        as_of=as_of,
        held=len(held),
        is_stopped=any(one.scope == pauses.ALL for one in held),
    )
