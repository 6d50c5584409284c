"""Assets by stage: `lake` (files and definitions in), `models` (dbt), `published`."""
