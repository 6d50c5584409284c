"""Assets by stage: `sources` (APIs), `lake` (what comes in), `models` (dbt), `published`."""
