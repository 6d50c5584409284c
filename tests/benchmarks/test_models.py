"""Benchmarks of models run on the models as they stand; the figures are not looked at."""

from __future__ import annotations

import pytest

from benchmarks import attribution, engagement, experiments, identity, sessions


def test_they_run(capsys: pytest.CaptureFixture[str]) -> None:
    identity.main(["--people", "2000"])
    engagement.main(["--contacts", "500", "--touches", "4000"])
    sessions.main(["--events", "8000"])
    small = ["--contacts", "500", "--touches", "20000", "--conversions", "200", "--walks", "2000"]
    attribution.main([*small, "--credits", "5000", "--replicates", "20", "--samples", "2"])
    experiments.main(["--repetitions", "200"])
    told = capsys.readouterr().out
    assert "links" in told and "500 contacts, 4,000 touches" in told
    assert "8,000 events" in told and "2,000 walks" in told
    assert "200 tests of 20 looks" in told
    assert told.count("ratio") >= 6
