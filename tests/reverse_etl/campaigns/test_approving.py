"""Nothing goes out that nobody approved as it stands, template included."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from reverse_etl import queueing
from reverse_etl.campaigns.approving import CannotApprove, definition_of, of_campaign, of_journey
from reverse_etl.content.library import Library
from tests.reverse_etl.campaigns.worlds import campaign, weekly
from workspace.definitions import load
from workspace.ledger import Ledger, approvals
from workspace.paths import PROJECT

AT = datetime(2026, 3, 3)
NAME = "medical_webinar_invitation"


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load(PROJECT / "marketing", {NAME, "medical_welcome"})


def test_a_change_of_definition_or_template_needs_a_new_one(library: Library) -> None:
    one = of_campaign(campaign(template=NAME, approval="once"), library, None)
    assert one == of_campaign(campaign(template=NAME, approval="once", name="Other"), library, None)
    later = campaign(template=NAME, approval="once", not_after={"hours": 5})
    assert one != of_campaign(later, library, None)
    other = of_campaign(campaign(template="medical_welcome", approval="once"), library, None)
    assert one != other
    assert one == [
        approvals.subject_hash(
            campaign(template=NAME, approval="once").hash, NAME, library.entries[NAME].version
        )
    ]


def test_each_occurrence_by_itself(library: Library) -> None:
    each = weekly(template=NAME, approval="each")
    assert of_campaign(each, library, "2026-W10") != of_campaign(each, library, "2026-W11")
    with pytest.raises(CannotApprove, match="give --occurrence"):
        of_campaign(each, library, None)
    with pytest.raises(CannotApprove, match="as a whole"):
        of_campaign(weekly(template=NAME, approval="once"), library, "2026-W10")
    with pytest.raises(CannotApprove, match="no approval"):
        of_campaign(weekly(template=NAME), library, None)
    with pytest.raises(CannotApprove, match="there is no template 'medical_welcom'; did you mean"):
        of_campaign(weekly(template="medical_welcom", approval="once"), library, None)


def test_journeys(library: Library) -> None:
    journey = load(PROJECT / "marketing").journeys.journeys["medical_welcome"]
    with pytest.raises(CannotApprove, match="needs no approval"):
        of_journey(journey, library)
    asking = journey.model_copy(update={"needs_approval": True})
    assert len(of_journey(asking, library)) == 1


def test_python_and_sql_name_the_same(library: Library) -> None:
    """What the queue asks for is what `approve` recorded."""
    definition = definition_of(campaign(approval="once"), "once")
    with duckdb.connect() as connection:
        connection.execute(
            "create table waiting as select * from (values ($1, $2), (null, $2)) as t "
            "(approval, template)",
            [definition, NAME],
        )
        queueing._name_approvals(connection, library, "waiting")
        found = connection.execute("select approval from waiting order by 1 nulls last").fetchall()
    expected = approvals.subject_hash(definition or "", NAME, library.entries[NAME].version)
    assert found == [(expected,), (None,)]


def test_the_last_word_is_in_force_and_repeated_is_nothing(ledger: Ledger) -> None:
    def say(decision: str) -> int:
        return approvals.record(ledger, "campaign:a", ["x", "y", "x"], decision, "anne", AT)

    assert [say("approved"), say("approved"), say("rejected")] == [2, 0, 2]
    assert approvals.standing(ledger) == {"x": "rejected", "y": "rejected"}
    with pytest.raises(ValueError, match="no decision"):
        say("perhaps")


def test_what_a_folder_holds_can_be_approved(tmp_path: Path) -> None:
    """Every shipped campaign that asks for an approval can be given one."""
    loaded = load(PROJECT / "marketing")
    whole = Library.load(loaded.folder)
    for given in loaded.campaigns.campaigns.values():
        if given.journey is None:
            assert len(of_campaign(given, whole, None)) == 1
