"""The record of processing and the data map in SQL say what privacy.yml and the catalogue say."""

from __future__ import annotations

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from workspace import definitions
from workspace.catalogue import HOLDINGS

PRIVACY = definitions.load(worlds.MARKETING).privacy


def test_every_activity_is_recorded(golden: Lakehouse) -> None:
    rows = golden.rows(
        "select purpose, legal_bases, subjects_en, categories_fr, recipients, transfers, "
        "is_profiling, longest_retention_months from marts.processing_activities order by position"
    )
    assert [row[0] for row in rows] == list(PRIVACY.purposes)
    for purpose, bases, subjects, categories, recipients, transfers, profiling, months in rows:
        its = PRIVACY.purposes[purpose]
        used = [c for c in PRIVACY.categories.values() if purpose in c.purposes]
        assert bases == ", ".join(its.legal_bases)
        assert categories == ", ".join(c.name.fr for c in used)
        keys = sorted({key for c in used for key in c.subjects})
        assert subjects == ", ".join(PRIVACY.subjects[key].en for key in keys)
        named = [r for k, r in PRIVACY.recipients.items() if any(k in c.recipients for c in used)]
        assert recipients == ", ".join(r.name for r in named)
        abroad = [f"{r.name} ({r.country})" for r in named if r.safeguard]
        assert transfers == (", ".join(abroad) or None)
        assert profiling == bool(its.profiling)
        kept = [c.retention.months for c in used if c.retention.months is not None]
        assert months == max(kept, default=None)


def test_the_map_names_every_place(golden: Lakehouse) -> None:
    rows = golden.rows(
        "select store, name, category_en, personal_columns, recipients from marts.personal_data_map"
    )
    assert {(store, name) for store, name, *_ in rows} == {(h.store, h.name) for h in HOLDINGS}
    for store, name, category, columns, recipients in rows:
        holdings = [h for h in HOLDINGS if (h.store, h.name) == (store, name)]
        assert category == PRIVACY.categories[holdings[0].category].name.en
        assert {*columns.split(", ")} == {c for h in holdings for c in h.columns}
        assert recipients
