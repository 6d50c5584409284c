"""Great Expectations suites: what takes a whole batch to see, before its lake commit.

The contracts judge rows; a suite judges the batch: whether columns are filled as usual, whether
amounts are plausible together. A failed suite stops the batch: its good rows are quarantined.

Great Expectations takes seconds to import, so that happens inside :func:`check` only. An
expectation that raised is our error and not bad data: it ends the load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import STREAMS_OF
from workspace.settings import quiet_third_parties
from workspace.streams import STREAMS

#: Shares of rows that must hold.
MOSTLY_KNOWN = 0.5
MOSTLY_RECENT = 0.8
MOSTLY_POSITIVE = 0.9
#: Rows older than this are the far past (history is imported once, years at a time).
FAR_PAST = timedelta(days=40 * 365)
#: A single amount beyond this is a wrong unit or currency, not a sale.
LARGEST_AMOUNT = 1_000_000_000
LARGEST_DAILY_SPEND = 10_000_000
LARGEST_RATE = 1_000_000


class SuiteError(RuntimeError):
    """An expectation could not be evaluated."""


@dataclass(frozen=True)
class Expectation:
    """One expectation: its class name in Great Expectations, its column(s) and arguments."""

    type: str
    columns: tuple[str, ...]
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        return f"{self.type}({', '.join(self.columns)})"


@dataclass(frozen=True)
class SuiteResult:
    """What a suite found; ``failed`` names expectations."""

    suite: str
    success: bool
    evaluated: int
    failed: tuple[str, ...] = ()

    def meta(self) -> dict[str, Any]:
        return asdict(self) | {"failed": list(self.failed)}


def _expect(kind: str, *columns: str, **arguments: Any) -> Expectation:
    return Expectation(kind, columns, tuple(sorted(arguments.items())))


def _between(column: str, low: float, high: float, mostly: float = 1.0) -> Expectation:
    return _expect(
        "ExpectColumnValuesToBeBetween", column, min_value=low, max_value=high, mostly=mostly
    )


def _known(column: str, mostly: float = 1.0) -> Expectation:
    return _expect("ExpectColumnValuesToNotBeNull", column, mostly=mostly)


def _unique(*columns: str) -> Expectation:
    if len(columns) == 1:
        return _expect("ExpectColumnValuesToBeUnique", *columns)
    return _expect("ExpectCompoundColumnsToBeUnique", *columns)


#: stream -> what holds of a batch beyond its key. A column ``x_days_ago`` is the age of ``x`` at
#: landing.
_MORE: dict[str, tuple[Expectation, ...]] = {
    "events": (
        _known("occurred_at"),
        _between("occurred_at_days_ago", -1, FAR_PAST.days, MOSTLY_RECENT),
        _between("revenue", 0, LARGEST_AMOUNT, MOSTLY_POSITIVE),
        _between("revenue", -LARGEST_AMOUNT, LARGEST_AMOUNT),
    ),
    "crm_contacts": (
        _known("email_key", MOSTLY_KNOWN),
        _between("known_at_days_ago", -1, FAR_PAST.days, MOSTLY_RECENT),
    ),
    "crm_companies": (_known("name", MOSTLY_KNOWN),),
    "crm_deals": (
        _known("stage", MOSTLY_KNOWN),
        _between("amount", 0, LARGEST_AMOUNT, MOSTLY_POSITIVE),
        _between("amount", -LARGEST_AMOUNT, LARGEST_AMOUNT),
    ),
    "ad_spend": (
        _between("spend", 0, LARGEST_DAILY_SPEND, MOSTLY_POSITIVE),
        _between("spend", -LARGEST_DAILY_SPEND, LARGEST_DAILY_SPEND),
        _expect(
            "ExpectColumnPairValuesAToBeGreaterThanB",
            "impressions",
            "clicks",
            or_equal=True,
            mostly=MOSTLY_POSITIVE,
            ignore_row_if="either_value_is_missing",
        ),
    ),
    "costs": (
        _between("amount", 0, LARGEST_AMOUNT, MOSTLY_POSITIVE),
        _between("amount", -LARGEST_AMOUNT, LARGEST_AMOUNT),
    ),
    "fx_rates": (_between("rate", 1 / LARGEST_RATE, LARGEST_RATE),),
    "surveys": (
        _unique("response_id"),  # an answer has versions, but no two of them in one file
        _between("occurred_at_days_ago", -1, FAR_PAST.days, MOSTLY_RECENT),
    ),
    "content_items": (_known("title"),),
    "imported_contacts": (_known("email_or_phone", MOSTLY_KNOWN),),
    "organisations": (_known("population", MOSTLY_KNOWN),),
}

#: stream -> its expectations. A version of a thing is in a batch once.
SUITES: dict[str, tuple[Expectation, ...]] = {
    name: (_unique(*STREAMS[name].key), *_MORE.get(name, ()))
    for streams in STREAMS_OF.values()
    for name in streams
}


def check(stream: str, tables: Sequence[pa.Table]) -> SuiteResult | None:
    """Run the stream's suite over one batch; None when there is nothing to look at.

    Raises :class:`SuiteError` when an expectation itself failed to run.
    """
    expectations = SUITES[stream]
    if not sum(table.num_rows for table in tables):
        return None
    names = sorted({column for e in expectations for column in e.columns})
    frame = _frame(tables, names)
    quiet_third_parties()
    import great_expectations as gx

    batch = _context().data_sources.pandas_default.read_dataframe(frame)
    suite = gx.ExpectationSuite(
        name=stream, expectations=[_build(gx.expectations, e) for e in expectations]
    )
    outcome = batch.validate(suite)
    failed = []
    for expectation, result in zip(expectations, outcome.results, strict=True):
        _raise_if_broken(stream, expectation, result)
        if not result.success:
            failed.append(expectation.label)
    return SuiteResult(stream, not failed, len(expectations), tuple(failed))


def columns(stream: str) -> list[str]:
    """The stream's columns that its suite looks at."""
    names = {column for expectation in SUITES[stream] for column in expectation.columns}
    return sorted({source for name in names for source in _sources(name)})


def _sources(name: str) -> tuple[str, ...]:
    if name == "email_or_phone":
        return "email_key", "phone_key"
    if name.endswith("_days_ago"):
        return name.removesuffix("_days_ago"), "landed_at"
    return (name,)


@cache
def _context() -> Any:
    """One context a process: each of them leaves a temporary folder behind until the end."""
    import great_expectations as gx

    quiet_third_parties()  # importing it sets its log level anew

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return context


def _build(module: Any, expectation: Expectation) -> Any:
    arguments = dict(expectation.arguments)
    columns = expectation.columns
    if expectation.type == "ExpectCompoundColumnsToBeUnique":
        arguments["column_list"] = list(columns)
        arguments.setdefault("ignore_row_if", "never")
    elif expectation.type.startswith("ExpectColumnPair"):
        arguments["column_A"], arguments["column_B"] = columns
    else:
        (arguments["column"],) = columns
    return getattr(module, expectation.type)(**arguments)


def _raise_if_broken(stream: str, expectation: Expectation, result: Any) -> None:
    info = result.exception_info or {}
    # Either one {"raised_exception": …}, or one such dictionary a metric.
    infos = [info] if "raised_exception" in info else list(info.values())
    for one in infos:
        if isinstance(one, dict) and one.get("raised_exception"):
            raise SuiteError(
                f"suite {stream}: {expectation.label} could not run: {one.get('exception_message')}"
            )


def _frame(tables: Sequence[pa.Table], names: list[str]) -> Any:
    """A pandas frame of the columns looked at: texts, floats, and ages in days."""
    columns = {}
    for name in names:
        arrays = [_column(table, name) for table in tables]
        columns[name] = pa.chunked_array([c for array in arrays for c in array.chunks])
    return pa.table(columns).to_pandas()


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name == "email_or_phone":
        return pc.coalesce(table["email_key"], table["phone_key"])
    if name.endswith("_days_ago"):
        time = table[name.removesuffix("_days_ago")]
        age_us = pc.subtract(table["landed_at"], time).cast(pa.int64())
        return pc.divide(age_us.cast(pa.float64(), safe=False), 86_400_000_000.0)
    column = table[name]
    return column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column
