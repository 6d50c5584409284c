"""What is told of a publish to Postgres: no address, no value of a row."""

from __future__ import annotations

from dataclasses import dataclass


class PostgresFault(RuntimeError):
    """Publishing to Postgres ended, and readers have what they had. The message has neither the
    address of the database nor values of rows."""


@dataclass(frozen=True)
class Loaded:
    """``rows`` of the tables that were loaded, by name; ``kept`` had the same rows already.
    ``nuls`` counts texts, by ``table.column``, in which U+FFFD stands for a NUL."""

    version: str
    rows: dict[str, int]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    nuls: dict[str, int]
    seconds: float


#: What libpq says of a connection that fails -> what is told of it: its own text names the server
#: and the user and, where an address is malformed, parts of the password.
_UNREACHED = {
    "password authentication failed": "it refuses the password or the user",
    "no password supplied": "it asks for a password, and the address has none",
    "no pg_hba.conf entry": "it does not let this user in from here",
    "FATAL:  database": "the database does not exist",
    "FATAL:  role": "the user does not exist",
    "Connection refused": "nobody listens there",
    "timeout": "there was no answer",
    "resolve host": "the host has no address",
    "translate host": "the host has no address",
    "percent-encoded": "MARKETING_PUBLISH_POSTGRES is no address of a Postgres",
    "SSL": "the connection's encryption was not agreed on",
}

_HINTS = {
    "42501": "the role must be allowed to create schemas in the database, or own the schemas marts "
    "and marts_next and what publishing made in them",
    "53100": "its disk is full",
    "25006": "it takes no writing",
}


def unreached(error: BaseException) -> str:
    """Why no connection was made."""
    text = str(error)
    return next((told for part, told in _UNREACHED.items() if part in text), type(error).__name__)


def kind(error: BaseException) -> str:
    """Of an error of a driver or of DuckDB, its class: the text may hold values."""
    from psycopg import errors

    state = getattr(error, "sqlstate", None)
    try:
        name = errors.lookup(state).__name__ if state else type(error).__name__
    except KeyError:
        name = f"{type(error).__name__} {state}"
    return f"{name} ({_HINTS[state]})" if state in _HINTS else name
