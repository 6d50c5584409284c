"""Make `data/reference/collectivites.csv.gz` from the collectivités Parquet file.

Input: one row per French commune, EPCI, département or région of `@etalab/decoupage-administratif`
6.0.0 (columns kind, code, siren, name, departement, region, zone, population, postal_codes).
Output: the `reference` file kind (level, code, name, siren, departement_code, region_code,
population), overseas collectivities included, sorted by level and code. The gzip header carries
no time, so the same input gives the same bytes.

    python -m sandbox.world.make_reference INPUT.parquet [OUTPUT.csv.gz]
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import polars as pl

from sandbox.world.population import REFERENCE

LEVELS = ["commune", "epci", "departement", "region"]


def make_reference(source: Path, target: Path = REFERENCE) -> int:
    """Write the reference file; return the number of organisations."""
    table = (
        pl.read_parquet(source)
        .filter(pl.col("kind").is_in(LEVELS))
        .select(
            level=pl.col("kind"),
            code=pl.col("code"),
            name=pl.col("name"),
            siren=pl.col("siren"),
            departement_code=pl.col("departement"),
            region_code=pl.col("region"),
            population=pl.col("population"),
        )
        .sort(pl.col("level").replace_strict(LEVELS, range(len(LEVELS))), "code")
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(table.write_csv().encode())
    return table.height


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m sandbox.world.make_reference INPUT.parquet [OUTPUT.csv.gz]")
    written = make_reference(Path(sys.argv[1]), *map(Path, sys.argv[2:]))
    print(f"{written} organisations")
