"""After a contract is mended, the rows it had rejected become good, and nothing counts twice."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from ingestion import LoadResult, load_pending, receipts, replaceable, replay
from ingestion import pending as pending_module
from ingestion.accounts import unbalanced
from ingestion.contracts import currencies, fields
from interfaces.cli import app
from tests.ingestion.conftest import KEYRING, Desk
from workspace.lake import Lake

HEAD = "vertical,cost_month,line,cost_class,amount,currency\n"
COSTS = HEAD + "".join(
    f"medical,2026-0{month},tools,marketing,100,{currency}\n"
    for month, currency in ((1, "EUR"), (2, "XQX"), (3, "EUR"), (4, "nonsense"))
)


def mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The currency that the contract did not know is one now."""
    monkeypatch.setattr(fields, "CURRENCIES", currencies.CURRENCIES | {"XQX"})


def again(desk: Desk, kind: str) -> list[LoadResult]:
    return replay(kind, desk.landing, desk.lake, KEYRING, guard=False)


def counts(result: LoadResult) -> tuple[int, ...]:
    assert result.balanced
    return result.received, result.good, result.bad, result.duplicate, result.quarantined


def months(desk: Desk) -> list[int]:
    return sorted(day.month for day in desk.column("costs", "cost_month"))


def rejected(desk: Desk) -> list[Any]:
    return sorted(desk.lake.read("rejected_rows")["landing_line"].to_pylist())


def test_mended_rows_become_good(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ingest("costs", HEAD + "public,2026-01,tools,marketing,1,EUR\n", name="good.csv")
    assert counts(desk.ingest("costs", COSTS, name="costs.csv")) == (4, 2, 2, 0, 0)
    mend(monkeypatch)
    for _ in range(2):
        (result,) = again(desk, "costs")
        assert counts(result) == (4, 3, 1, 0, 0)
        assert months(desk) == [1, 1, 2, 3]
        assert rejected(desk) == [5]
        assert unbalanced(desk.lake, "costs") == []
        assert receipts(desk.lake)["good"].to_pylist() == [1, 3]
    assert load_pending("costs", desk.landing, desk.lake, KEYRING, guard=False) == []


def test_nothing_to_replay(desk: Desk) -> None:
    desk.ingest("costs", HEAD + "public,2026-01,tools,marketing,1,EUR\n", name="good.csv")
    assert again(desk, "costs") == []
    assert again(desk, "events") == []


@pytest.mark.parametrize("stream", ["rejected_rows", "costs"])
@pytest.mark.parametrize("before", [True, False])
def test_a_replay_that_was_killed_is_finished_by_the_next_load(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, stream: str, before: bool
) -> None:
    desk.ingest("costs", COSTS, name="costs.csv")
    mend(monkeypatch)
    real = Lake.commit

    def killed(self: Lake, name: str, *given: Any, **options: Any) -> bool:
        if name == stream and before:
            raise KeyboardInterrupt
        done = real(self, name, *given, **options)
        if name == stream:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Lake, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        again(desk, "costs")
    monkeypatch.setattr(Lake, "commit", real)
    (result,) = load_pending("costs", desk.landing, desk.lake, KEYRING, guard=False)
    assert counts(result) == (4, 3, 1, 0, 0)
    assert (months(desk), rejected(desk)) == ([1, 2, 3], [5])
    assert unbalanced(desk.lake, "costs") == []
    assert load_pending("costs", desk.landing, desk.lake, KEYRING, guard=False) == []


def test_compaction_leaves_what_may_be_replayed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in (5, 6, 7):
        desk.ingest("costs", HEAD + f"public,2026-0{month},tools,sales,1,EUR\n", f"{month}.csv")
    desk.ingest("costs", COSTS, name="costs.csv")
    for stream in ("costs", "rejected_rows"):
        desk.lake.compact(stream, replaceable(desk.lake, stream))
    assert len(desk.lake.files("costs")) == 2
    mend(monkeypatch)
    (result,) = again(desk, "costs")
    assert counts(result) == (4, 3, 1, 0, 0)
    assert months(desk) == [1, 2, 3, 5, 6, 7]


def test_events_and_conflicts(desk: Desk) -> None:
    def event(n: int, **more: Any) -> dict[str, Any]:
        return {"messageId": f"m{n}", "type": "track", "event": "E", "userId": "u", **more}

    desk.ingest("events", [event(1), event(2)])
    second = desk.ingest("events", [event(2, event="other"), event(3), event(3), {"bad": 1}])
    assert counts(second) == (4, 1, 1, 1, 1)
    (result,) = again(desk, "events")
    assert counts(result) == (4, 1, 1, 1, 1)
    assert sorted(desk.column("events", "message_id")) == ["m1", "m2", "m3"]


def test_a_copy_of_the_file_takes_nothing_away(desk: Desk) -> None:
    event = {"messageId": "m", "type": "track", "event": "E", "userId": "u"}
    for name in ("first.ndjson", "copy.ndjson"):
        desk.ingest("events", [event, {"bad": 1}], name)
    (result,) = again(desk, "events")
    assert counts(result) == (2, 1, 1, 0, 0)
    assert desk.column("events", "message_id") == ["m"]


def test_a_refused_file_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desk.landing / "costs"
    folder.mkdir(parents=True)
    (folder / "dropped.csv").write_text("vertical;cost_month\n")
    (first,) = load_pending("costs", desk.landing, desk.lake, KEYRING, guard=False)
    assert first.refused
    real, asked = pending_module.load, []

    def load(*given: Any, **options: Any) -> LoadResult:
        asked.append(options.get("again", False))
        return real(*given, **options)

    monkeypatch.setattr(pending_module, "load", load)
    (second,) = again(desk, "costs")
    assert asked[0] and second.refused and counts(second) == (1, 0, 1, 0, 0)
    assert len(rejected(desk)) == 1


def test_the_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desk.root / "workspace"
    folder.mkdir(parents=True)
    path = folder / "costs.csv"
    path.write_text(COSTS)
    call = CliRunner().invoke
    assert call(app, ["ingest", "costs", str(path), "--workspace", str(folder)]).exit_code == 2
    mend(monkeypatch)
    done = call(app, ["replay", "costs", "--workspace", str(folder)])
    assert done.exit_code == 2, "one row is still bad"
    assert "costs.csv:5" in done.output
    assert Lake(folder / "lake").rows("costs") == 3
    wrong = call(app, ["replay", "cost", "--workspace", str(folder)])
    assert wrong.exit_code == 2
    assert "costs" in wrong.output
