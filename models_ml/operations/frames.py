"""Frames of the warehouse: rows with outcomes to learn from, and the rows to score."""

from __future__ import annotations

import duckdb
import polars as pl
import pyarrow as pa

from models_ml.operations.specs import Plan
from models_ml.supervised.spec import LABEL, SNAPSHOT


def columns(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, pl.DataType]:
    """The columns of a plan's mart, with their types as a frame has them."""
    return dict(_frame(connection, f"select * from marts.{plan.mart} limit 0").schema)


def labelled(connection: duckdb.DuckDBPyConnection, plan: Plan) -> pl.DataFrame:
    """Every row of the mart whose outcome is known, with it."""
    return _frame(
        connection,
        f"""
        select f.*, l.{LABEL}
        from marts.{plan.mart} as f
        inner join intermediate.{plan.labels} as l
            on f.{plan.subject_id} = l.{plan.subject_id} and f.{SNAPSHOT} = l.{SNAPSHOT}
        order by f.{SNAPSHOT}, f.{plan.subject_id}
        """,
    )


def current(connection: duckdb.DuckDBPyConnection, plan: Plan) -> pl.DataFrame:
    """The rows to score: of the last snapshot, whoever the model is asked about."""
    return _frame(
        connection,
        f"""
        select f.*
        from marts.{plan.mart} as f
        where f.{SNAPSHOT} = (select max({SNAPSHOT}) from marts.{plan.mart}) and {plan.eligible}
        order by f.{plan.subject_id}
        """,
    )


def of_arrow(table: pa.Table) -> pl.DataFrame:
    """A table as models read it: decimals as floats."""
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))


def _frame(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    return of_arrow(connection.execute(query).to_arrow_table())
