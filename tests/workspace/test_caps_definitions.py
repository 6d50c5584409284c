"""``caps.yml``: what is refused, with its place, and what the shipped file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace import definitions
from workspace.definitions.caps import GATES, Caps
from workspace.definitions.reading import DefinitionError, read
from workspace.paths import PROJECT


def test_a_fault_names_file_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "caps.yml"
    path.write_text(
        "classes:\n  marketing: {name: x, bands: [warn]}\n"
        "caps:\n  - {id: a, classes: [marketign], channels: [email], limit: 3, days: 7}\n"
        "  - {id: a, classes: [marketing], channels: [email], limit: null, calendar: week}\n"
    )
    with pytest.raises(DefinitionError) as caught:
        read(path, Caps, lambda caps: caps.faults(["warm", "cold"]))
    assert [fault.removeprefix(str(path)) for fault in caught.value.faults] == [
        ":2: classes.marketing.bands.0: no band 'warn'; did you mean 'warm'?",
        ":4: caps.0.classes.0: no class 'marketign'; did you mean 'marketing'?",
        ":5: caps.1.id: cap 'a' is given twice",
    ]
    for wrong in (
        "caps: [{id: a, classes: [m], channels: [email], limit: 3}]",
        "caps: [{id: a, classes: [m], channels: [email], limit: 3, days: 1, calendar: week}]",
        "caps: [{id: a, classes: [m], channels: [email], limit: -1, days: 1}]",
        "quiet_hours: [{from: '22:00'}]",
        "quiet_hours: [{from: '22:00', to: '22:00'}]",
        "quiet_hours: [{channels: [sms]}]",
        "time_zones: {FR: Europe/Pari}",
        "holdout: {share: 0.6}",
        "classes: {m: {name: x, skips: [erased]}}",
    ):
        path.write_text(wrong)
        with pytest.raises(DefinitionError):
            read(path, Caps)


def test_the_shipped_caps() -> None:
    """Three marketing mails in seven days, seven digests a week, transactional mail uncapped."""
    caps = definitions.load(PROJECT / "marketing").caps
    found = {cap.id: cap for cap in caps.caps}
    assert (found["marketing_mails"].limit, found["marketing_mails"].days) == (3, 7)
    assert (found["digests"].limit, found["digests"].calendar) == (7, "week")
    assert not any("transactional" in cap.classes for cap in caps.caps)
    assert caps.classes["newsletter"].bands is None  # cold leads get it, and
    assert "cold" not in (caps.classes["marketing"].bands or [])
    rows = list(caps.rows())
    assert [r.value["gate"] for r in rows if r.collection == "message_gates"] == [
        gate.gate for gate in GATES
    ]
    scopes = [r.value for r in rows if r.collection == "cap_scopes" and r.value["cap"] == "texts"]
    assert [s["message_class"] for s in scopes] == found["texts"].classes


def test_whoever_has_no_file_gets_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "verticals.yml").write_text((PROJECT / "marketing/verticals.yml").read_text())
    (tmp_path / "scoring.yml").write_text((PROJECT / "marketing/scoring.yml").read_text())
    assert definitions.load(tmp_path).caps == definitions.load(PROJECT / "marketing").caps
    (tmp_path / "caps.yml").write_text("classes: {x: {name: X, bands: [hott]}}")
    with pytest.raises(DefinitionError, match=r"caps.yml:1: .*did you mean 'hot'"):
        definitions.load(tmp_path)
