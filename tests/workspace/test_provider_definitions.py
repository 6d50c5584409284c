"""``providers.yml``: faults are told with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace.definitions.providers import Providers
from workspace.definitions.reading import DefinitionError, read
from workspace.paths import PROJECT


def faults(folder: Path, text: str) -> list[str]:
    path = folder / "providers.yml"
    path.write_text(text)
    try:
        read(path, Providers, lambda found: found.faults())
    except DefinitionError as error:
        return [fault.partition("providers.yml:")[2] for fault in error.faults]
    return []


def test_the_shipped_file_is_valid_and_nothing_is_live() -> None:
    path = PROJECT / "marketing" / "providers.yml"
    found = read(path, Providers, lambda given: given.faults())
    assert not any(its.live for its in found.providers.values())
    assert [place.provider for place in found.lanes["email"]] == ["sendgrid", "ses"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("providers:\n  sendgird: {}\n", "2: providers.sendgird: no provider 'sendgird'"),
        ("providers:\n  ses: {per_second: 0}\n", "2: providers.ses.per_second:"),
        ("providers:\n  ses: {live: maybe}\n", "2: providers.ses.live:"),
        ("providers:\n  ses: {in_fligth: 3}\n", "2: providers.ses.in_fligth:"),
        (
            "providers:\n  ses: {}\nlanes:\n  email: [{provider: sess, weight: 1}]\n",
            "4: lanes.email.0.provider: 'sess' is not listed under providers",
        ),
        (
            "providers:\n  twilio: {}\nlanes:\n  email: [{provider: twilio, weight: 1}]\n",
            "4: lanes.email.0.provider: twilio does not send email",
        ),
        (
            "providers:\n  ses: {}\nlanes:\n  email: [{provider: ses}]\n",
            "4: lanes.email: no provider has a weight",
        ),
        ("lanes:\n  fax: []\n", "2: lanes.fax"),
    ],
)
def test_faults(tmp_path: Path, text: str, fault: str) -> None:
    found = faults(tmp_path, text)
    assert any(one.startswith(fault) for one in found), found


def test_a_provider_stands_once_in_a_lane(tmp_path: Path) -> None:
    text = (
        "providers:\n  ses: {}\nlanes:\n  email:\n    - {provider: ses, weight: 1}\n"
        "    - {provider: ses}\n"
    )
    assert faults(tmp_path, text) == ["6: lanes.email.1.provider: ses is listed twice"]
