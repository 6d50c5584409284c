from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.dbt.lakehouse import Lakehouse


def test_ret(tmp_path: Path, target: Path) -> None:
    house = Lakehouse(tmp_path, target).fill(as_of=datetime(2026, 10, 1))
    house.build("+retention_due", "+data_deletion_requests", tests="cautious")
    r = house.dbt("test", "--select", "retention_due,test_type:unit").result.results
    assert len(r) == 1
