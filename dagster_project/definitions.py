"""What `dagster` loads: the definitions for the dbt manifest of the configured workspace.

The manifest is made by `marketing prepare` (which `make dev` runs); importing parses nothing.
"""

from workspace import settings

settings.quiet_third_parties()

from dagster_project.build import build_definitions  # noqa: E402
from dagster_project.dbt import Dbt  # noqa: E402

_settings = settings.load(create=False)
_dbt = Dbt(_settings.paths, _settings.environment, _settings.paths.warehouse)
if not _dbt.is_compiled:
    raise RuntimeError("the dbt project is not compiled: run 'marketing prepare' first")

defs = build_definitions(_dbt.manifest)
