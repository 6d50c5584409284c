"""Nothing goes out that nobody approved as it stands, template included."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reverse_etl import queueing
from reverse_etl.campaigns.approving import CannotApprove, definition_of, of_journey, variants_of
from reverse_etl.campaigns.approving import of_campaign as hashes_of
from reverse_etl.content.library import Library
from tests.reverse_etl.campaigns.worlds import campaign, weekly
from workspace.definitions import load
from workspace.definitions.campaigns import Campaign
from workspace.ledger import Ledger, approvals
from workspace.paths import PROJECT

AT = datetime(2026, 3, 3)
NAME = "medical_webinar_invitation"


def of_campaign(
    given: Campaign, library: Library, occurrence: str | None, *more: Any, key: str = "spring"
) -> list[str]:
    return hashes_of(key, given, library, occurrence, AT.date(), *more)


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
    # A copy of the file is another campaign.
    copied = campaign(template=NAME, approval="once")
    assert one != of_campaign(copied, library, None, key="autumn")
    assert one == [
        approvals.subject_hash(
            f"campaign:spring:{campaign(template=NAME, approval='once').hash}",
            NAME,
            library.entries[NAME].version,
        )
    ]


def test_each_occurrence_by_itself(library: Library) -> None:
    each = weekly(template=NAME, approval="each")
    assert of_campaign(each, library, "2026-W10") != of_campaign(each, library, "2026-W11")
    for rubbish in ("rubbish", "", "2026-W99"):
        with pytest.raises(CannotApprove, match="no occurrence"):
            of_campaign(each, library, rubbish)
    with pytest.raises(CannotApprove, match="give --occurrence, such as 2026-W10"):
        of_campaign(each, library, None)
    with pytest.raises(CannotApprove, match="as a whole"):
        of_campaign(weekly(template=NAME, approval="once"), library, "2026-W10")
    with pytest.raises(CannotApprove, match="no approval"):
        of_campaign(weekly(template=NAME), library, None)
    with pytest.raises(CannotApprove, match="there is no template 'medical_welcom'; did you mean"):
        of_campaign(weekly(template="medical_welcom", approval="once"), library, None)


def test_variants_and_earlier_versions_go_with_it(library: Library) -> None:
    asking = campaign(template=NAME, approval="once")
    before = campaign(template=NAME, approval="once", priority=7)
    one = of_campaign(asking, library, None)
    both = of_campaign(asking, library, None, ["medical_welcome"])
    assert len(both) == 2 and set(one) < set(both)
    waiting = of_campaign(asking, library, None, [], [asking, before])
    assert set(waiting) == {*one, *of_campaign(before, library, None)}
    gone = campaign(template="gone", approval="once")
    assert of_campaign(asking, library, None, [], [gone]) == one
    experiments = load(PROJECT / "marketing").experiments
    assert variants_of(experiments, "journey", "public_welcome") == ["public_welcome_call"]
    assert variants_of(experiments, "campaign", "public_welcome") == []


def test_journeys(library: Library) -> None:
    journey = load(PROJECT / "marketing").journeys.journeys["medical_welcome"]
    with pytest.raises(CannotApprove, match="needs no approval"):
        of_journey("welcome", journey, library)
    asking = journey.model_copy(update={"needs_approval": True})
    assert len(of_journey("welcome", asking, library)) == 1


def test_python_and_sql_name_the_same(library: Library) -> None:
    """What the queue asks for is what `approve` recorded."""
    definition = definition_of("spring", campaign(approval="once"), "once")
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
    for key, given in loaded.campaigns.campaigns.items():
        if given.journey is None:
            assert len(of_campaign(given, whole, None, key=key)) == 1
