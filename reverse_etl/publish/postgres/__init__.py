"""The published version in a Postgres, for tools that read one: schema ``marts``, not ``pii``.

Tables whose rows changed are loaded into ``marts_next``, out of readers' sight, and take the place
of the old ones in one transaction. ``marts.published_version`` is of that transaction, too: who
reads it together with marts knows which version they are. Killed at any moment, readers keep the
version they have, and the next publish clears away what was loaded.

The drivers are the extra ``postgres``; without it :func:`load` says so.
"""

from __future__ import annotations

from datetime import datetime

from reverse_etl.publish.postgres.told import Loaded, PostgresFault
from workspace.paths import Paths

__all__ = ["PATIENCE", "Loaded", "PostgresFault", "load"]

#: Seconds to wait until readers have let go of what is replaced.
PATIENCE = 300.0


def load(
    paths: Paths, url: str, at: datetime, everything: bool = False, patience: float = PATIENCE
) -> Loaded:
    """Bring the Postgres at ``url`` to the current version; ``at`` is the time of doing so (UTC).

    What has the same rows there is not loaded again, unless ``everything`` is. Raises
    :class:`PostgresFault`, and :class:`reverse_etl.publish.NothingPublished`.
    """
    try:
        from reverse_etl.publish.postgres import loading
    except ImportError as error:
        raise PostgresFault(f"{error.name} is missing: install the extra 'postgres'") from None
    return loading.load(paths, url, at, everything, patience)
