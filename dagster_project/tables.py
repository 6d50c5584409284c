"""Small tables shown as metadata beside an asset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster_project.compiled import Compiled
from dagster_project.statements import NodeResult

MAX_ROWS = 24
#: What is told of a test's rows at most.
MAX_TOLD = 5

#: Mart -> the query whose rows are shown on its asset page.
PICTURES = {
    "kpi_monthly": """
        select vertical, metric, metric_window as "window", round(value, 4) as value,
            round(target_value, 4) as target, target_status as status
        from marts.kpi_monthly
        where status = 'measured' and target_value is not null and is_complete
        qualify month = max(month) over ()
        order by vertical, metric, metric_window
    """,
    "fct_events": """
        select date_trunc('month', occurred_on)::date as month, count(*) as events,
            count(contact_id) as of_contacts
        from marts.fct_events group by all order by month
    """,
    "rejected_rows": """
        select kind, verdict, reason, count(*) as rows
        from marts.rejected_rows group by all order by rows desc, kind, reason
    """,
    "plan_findings": """
        select scope, metric, plan_year, reading_a, value_a, reading_b, value_b
        from marts.plan_findings order by scope, metric, plan_year
    """,
    "watermarks": """
        select source, hop, last_known_at, row_count from marts.watermarks order by source, hop
    """,
}


def markdown(connection: Any, query: str) -> str:
    """The query's rows as a Markdown table of at most :data:`MAX_ROWS`."""
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchmany(MAX_ROWS + 1)
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows[:MAX_ROWS]]
    if len(rows) > MAX_ROWS:
        lines.append(f"\nThe first {MAX_ROWS} rows.")
    return "\n".join(lines)


def told(connection: Any, project: Compiled, results: Mapping[str, NodeResult]) -> dict[str, str]:
    """Unique id of a test that did not pass -> which rows: what `meta.tells` of its YAML gives of
    each, an expression without anything that identifies people."""
    found = {}
    for unique_id, done in results.items():
        node = project.manifest["nodes"].get(unique_id, {})
        column = node.get("config", {}).get("meta", {}).get("tells")
        if not (column and done.failures):
            continue
        rows = connection.execute(
            f"select distinct {column} as told from ({project.statements[unique_id]}) as failing "
            f"order by told limit {MAX_TOLD + 1}"
        ).fetchall()
        names = [str(row[0]) for row in rows]
        found[unique_id] = "; ".join([*names[:MAX_TOLD], *(["…"] if names[MAX_TOLD:] else [])])
    return found


def row_counts(connection: Any) -> dict[str, int]:
    """``schema.table`` -> rows, for every table of the warehouse (views are not counted)."""
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() where not internal"
    ).fetchall()
    return {
        f"{schema}.{table}": connection.execute(
            f'select count(*) from "{schema}"."{table}"'
        ).fetchone()[0]
        for schema, table in found
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).replace("|", "\\|").replace("\n", " ")
