"""The published version in a Postgres, for tools that read one: schema ``marts``, not ``pii``.

Tables whose rows changed are loaded into ``marts_next``, out of readers' sight, and take the place
of the old ones in one transaction. ``marts.published_version`` is of that transaction, too: who
reads it together with marts knows which version they are. Killed at any moment, readers keep the
version they have, and the next publish clears away what was loaded.

The drivers are the extra ``postgres``; without it :func:`load` says so.
"""

from __future__ import annotations

from datetime import datetime

from reverse_etl.publish.postgres import places
from reverse_etl.publish.postgres.told import Loaded, PostgresFault
from workspace.paths import Paths

__all__ = ["PATIENCE", "Loaded", "PostgresFault", "awaited", "forget", "load"]

#: Seconds to wait until readers have let go of what is replaced.
PATIENCE = 300.0


def load(
    paths: Paths,
    url: str,
    at: datetime,
    everything: bool = False,
    patience: float = PATIENCE,
    take_over: bool = False,
) -> Loaded:
    """Bring the Postgres at ``url`` to the current version; ``at`` is the time of doing so (UTC).

    What has the same rows there is not loaded again, unless ``everything`` is. What another
    workspace published is not touched, unless ``take_over`` is. Raises
    :class:`PostgresFault`, and :class:`reverse_etl.publish.NothingPublished`.
    """
    try:
        from reverse_etl.publish.postgres import loading
    except ImportError as error:
        raise PostgresFault(f"{error.name} is missing: install the extra 'postgres'") from None
    return loading.load(paths, url, at, everything, patience, take_over)


def awaited(paths: Paths, url: str | None) -> str | None:
    """What has to happen before no Postgres holds more than the current version: of all that were
    ever published to, and of the one at ``url``; None where nothing has to."""
    known = places.read(paths)
    others = set(known.databases) if known is not None else set()
    if url is not None:
        try:
            from reverse_etl.publish.postgres import standing

            name, other = standing.behind(paths, url)
        except ImportError as error:
            return f"Postgres ({error.name} is missing: install the extra 'postgres')"
        except PostgresFault as fault:
            return f"Postgres ({fault})"
        if other is not None:
            return f"Postgres, {name} has {other}: 'marketing publish --postgres'"
        others.discard(name)
    if others:
        listed = ", ".join(sorted(others))
        return (
            f"Postgres, which was published to at {listed}: 'marketing publish --postgres' with "
            "MARKETING_PUBLISH_POSTGRES of each; where nothing is left, 'marketing publish "
            "--forget-postgres HOST:PORT/DATABASE'"
        )
    return None


def forget(paths: Paths, place: str) -> bool:
    """Ask the database ``host:port/database`` no more; whether it was known."""
    return places.forget(paths, place)
