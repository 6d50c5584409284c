"""The page about moving in, and the catalogue it is made of."""

from __future__ import annotations

from ingestion.contracts import STREAMS_OF, TABLES, crm
from ingestion.fivetran import describe
from ingestion.fivetran.catalogue import NAMES
from ingestion.fivetran.catalogue import TABLES as KNOWN
from ingestion.sources import registry


def test_the_page_is_up_to_date() -> None:
    assert describe.page() == describe.PAGE.read_text("utf-8"), (
        "run python -m ingestion.fivetran.describe"
    )


def test_every_table_fills_kinds_and_fields_that_exist() -> None:
    for table in KNOWN.values():
        for shape in table.shapes:
            assert shape.kind in STREAMS_OF, table.full_name
            if shape.fields and shape.kind in TABLES:
                names = {field.column for field in TABLES[shape.kind].all_fields}
                assert set(shape.fields) <= names, table.full_name
        for needed, _ in table.needs:
            assert f"{table.connector}.{needed}" in KNOWN
    assert set(KNOWN) <= set(NAMES) and {t.full_name for t in NAMES.values()} == set(KNOWN)


def test_every_column_without_a_prefix_is_a_property_of_its_object() -> None:
    from ingestion.fivetran.objects import PLAIN

    assert set(PLAIN) == set(crm.BY_TYPE)


def test_landed_tables_are_read_and_never_asked_for() -> None:
    source = registry.load("fivetran")
    assert source not in registry.load_all()
    assert all(resource.pages is None for resource in source.resources)
    assert len({resource.name for resource in source.resources}) == len(source.resources)
