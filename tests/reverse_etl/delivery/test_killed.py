"""Nobody is mailed twice and nobody skipped, however often a sender is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.servers import messaging
from tests.reverse_etl.delivery.killing import Rounds

#: Provider, channel, stand-in: without look-up, with it, and one that recognises a message.
LANES = [
    ("sendgrid", "email", "sendgrid"),
    ("postmark", "email", "postmark"),
    ("telnyx", "sms", "telnyx"),
]


def kill(folder: Path, url: str, lane: tuple[str, str, str], messages: int, kills: int) -> None:
    provider, channel, name = lane
    rounds = Rounds(folder, url, provider, channel, messaging.load(name), seed=len(provider))
    try:
        rounds.run(messages, kills)
        counted = rounds.check()
        # What a dead sender had claimed stays unknown where nobody can be asked about it.
        assert counted["accepted"] > messages * 0.2
        if provider == "telnyx":  # whatever was ambiguous went again
            assert "unknown" not in counted
    finally:
        rounds.close()


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane[0])
def test_killed_a_few_times(tmp_path: Path, lane: tuple[str, str, str]) -> None:
    kill(tmp_path, f"sqlite:///{tmp_path}/ledger.db", lane, 300, 12)


def test_killed_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    kill(tmp_path, postgres_url, LANES[0], 300, 8)


@pytest.mark.torture
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane[0])
def test_killed_five_hundred_times(tmp_path: Path, lane: tuple[str, str, str]) -> None:
    kill(tmp_path, f"sqlite:///{tmp_path}/ledger.db", lane, 10_000, 500)
