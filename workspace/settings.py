"""Settings: the one place that reads the environment.

Secrets come from here and from nowhere else; they never enter a run config, a log or a file
of the workspace, except the pepper's own file (mode 0600), made when none is given.
"""

from __future__ import annotations

import logging
import os
import pwd
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from workspace import clock, durable
from workspace.identifiers import Keyring, normalise_email
from workspace.paths import PROJECT, Paths

PEPPER_FILE = "pepper.key"
#: Of a key of one's own choice: shorter ones can be guessed.
SHORTEST_KEY = 16
#: prometheus_client's own name.
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_HOST = "MARKETING_SERVE_HOST"
_WEBHOOK_VARIABLES = {
    "sendgrid": "MARKETING_SENDGRID_WEBHOOK_KEY",
    "ses": "MARKETING_SNS_TOPICS",
    "postmark": "MARKETING_POSTMARK_WEBHOOK_LOGIN",
    "brevo": "MARKETING_BREVO_WEBHOOK_TOKEN",
    "twilio": "MARKETING_TWILIO_AUTH_TOKEN",
    "telnyx": "MARKETING_TELNYX_PUBLIC_KEY",
    "onesignal": "MARKETING_ONESIGNAL_WEBHOOK_SECRET",
    "hubspot": "MARKETING_HUBSPOT_CLIENT_SECRET",
}


class Environment(StrEnum):
    """Where the pipeline runs. dbt uses the same names as targets."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable and what is wrong."""


@dataclass(frozen=True)
class Settings:
    environment: Environment
    paths: Paths
    definitions: Path
    keyring: Keyring
    ledger_url: str

    def present(self, live: datetime | None = None) -> datetime:
        """The workspace's present: the fixed end of a demo world, else ``live`` or the clock's."""
        fixed = self.paths.default_as_of
        if fixed.exists():
            return clock.parse_time(fixed.read_text())
        return live or clock.now()

    def __repr__(self) -> str:  # the keyring and a database URL's password stay out of logs
        return f"Settings({self.environment}, {self.paths.root})"


def load(workspace: Path | str | None = None, create: bool = True) -> Settings:
    """Read the settings; ``workspace`` overrides ``MARKETING_WORKSPACE`` (default ``data/``).

    Raises :class:`SettingsError`.
    """
    name = os.environ.get("MARKETING_ENV", Environment.DEV)
    try:
        environment = Environment(name)
    except ValueError as error:
        known = ", ".join(Environment)
        raise SettingsError(f"MARKETING_ENV is {name!r}; it must be one of {known}") from error
    paths = Paths(Path(workspace or os.environ.get("MARKETING_WORKSPACE") or PROJECT / "data"))
    if create:
        paths.create()
    definitions = Path(os.environ.get("MARKETING_DEFINITIONS") or PROJECT / "marketing").resolve()
    return Settings(
        environment=environment,
        paths=paths,
        definitions=definitions,
        keyring=Keyring(_pepper(paths, environment), link_secrets()),
        ledger_url=os.environ.get("MARKETING_LEDGER_URL") or f"sqlite:///{paths.ledger}",
    )


def witness_root() -> Path:
    """Where the witnesses of sending are, outside every workspace: ``MARKETING_WITNESS``, else a
    folder of the user's state."""
    given = os.environ.get("MARKETING_WITNESS")
    if given:
        return Path(given).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "marketing-witness"


def actor() -> str:
    """Who decides, for every record of it: ``MARKETING_ACTOR``, else this system's user.

    Raises :class:`SettingsError` for an address, which no record may hold.
    """
    given = os.environ.get("MARKETING_ACTOR", "").strip()
    if given:
        if normalise_email(given) is not None or len(given) > 200:
            raise SettingsError("MARKETING_ACTOR is a name or a number of staff, not an address")
        return given
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"user {os.getuid()}"


def has_pepper(workspace: Path) -> bool:
    """Whether the pepper is given or lies in the workspace; :func:`load` may make one else."""
    return bool(os.environ.get("MARKETING_PEPPER")) or (workspace / PEPPER_FILE).exists()


def backups() -> tuple[Path | None, int]:
    """Where daily backups go (``MARKETING_BACKUPS``), and of how many days they are kept
    (``MARKETING_BACKUP_DAYS``, 14). Raises :class:`SettingsError`."""
    given, days = os.environ.get("MARKETING_BACKUPS"), os.environ.get("MARKETING_BACKUP_DAYS", "14")
    if not days.isascii() or not days.isdigit() or int(days) < 1:
        raise SettingsError(f"MARKETING_BACKUP_DAYS is {days!r}; give a number of days, 1 or more")
    return (Path(given).expanduser().absolute() if given else None), int(days)


def view_root() -> Path | None:
    """Where readers in a container find ``published/``, when that is elsewhere."""
    given = os.environ.get("MARKETING_VIEW_ROOT")
    return Path(given) if given else None


def publish_postgres() -> str | None:
    """The Postgres that versions are published to: ``MARKETING_PUBLISH_POSTGRES=postgresql://…``.

    It may hold a password. Raises :class:`SettingsError`.
    """
    given = os.environ.get("MARKETING_PUBLISH_POSTGRES", "").strip()
    if given and not given.startswith(("postgresql://", "postgres://")):
        raise SettingsError("MARKETING_PUBLISH_POSTGRES is a postgresql:// address of a database")
    return given or None


def write_keys(environment: Environment) -> dict[str, str]:
    """The collector's sources and their write keys: ``MARKETING_WRITE_KEYS=web:KEY,server:KEY``.

    Without any, a development workspace takes the key ``dev``. Raises :class:`SettingsError`.
    """
    keys = dict(_pairs("MARKETING_WRITE_KEYS"))
    if len(set(keys.values())) < len(keys):
        raise SettingsError("MARKETING_WRITE_KEYS gives one key to two sources")
    if not keys and environment is not Environment.DEV:
        raise SettingsError(f"MARKETING_WRITE_KEYS must be set when MARKETING_ENV is {environment}")
    return keys or {"dev": "dev"}


def score_keys(environment: Environment) -> dict[str, str]:
    """Who may ask for scores, and their keys: ``MARKETING_SCORE_KEYS=crm:KEY,shop:KEY``.

    Never a write key, which stands in web pages. Without any nobody may ask; but a development
    workspace without write keys takes the key ``dev`` where `marketing serve` listens to this
    machine alone (:func:`serving`). Elsewhere than in development a key has at least 16 characters.
    Raises :class:`SettingsError`.
    """
    return _asking("MARKETING_SCORE_KEYS", environment)


@dataclass(frozen=True)
class ReadKey:
    """Who may read over HTTP. The key stays out of logs."""

    name: str
    role: str
    key: str = field(repr=False)


#: Who reads over HTTP: each may see what `reverse_etl.api.access` says.
READ_ROLES = ("viewer", "analyst", "marketer", "approver", "dpo")


def read_keys(environment: Environment) -> tuple[ReadKey, ...]:
    """Who may see the control room and ask the read API, and their keys:
    ``MARKETING_READ_KEYS=wall:KEY,analyst/ana:KEY``; without a role a viewer.

    By the rules of :func:`score_keys`; the key ``dev`` has the role ``dpo``. Raises
    :class:`SettingsError`.
    """
    variable = "MARKETING_READ_KEYS"
    given = _asking(variable, environment)
    if not os.environ.get(variable, "").strip():
        return tuple(ReadKey(name, "dpo", key) for name, key in given.items())
    found = []
    for entry, key in given.items():
        role, slash, name = entry.partition("/")
        role, name = (role, name) if slash else (READ_ROLES[0], entry)
        if role not in READ_ROLES or not name:
            known = ", ".join(READ_ROLES)
            raise SettingsError(
                f"{variable} has {entry!r}: give role/name, the role one of {known}"
            )
        found.append(ReadKey(name, role, key))
    if len({one.key for one in found}) < len(found):
        raise SettingsError(f"{variable} gives one key to two readers")
    return tuple(found)


def _asking(variable: str, environment: Environment) -> dict[str, str]:
    keys = dict(_pairs(variable))
    if not keys and environment is Environment.DEV and not os.environ.get("MARKETING_WRITE_KEYS"):
        return {"dev": "dev"} if is_here(os.environ.get(_HOST, "")) else {}
    if set(keys.values()) & set(write_keys(environment).values()):
        raise SettingsError(f"{variable} has a write key, which anybody may know")
    short = [name for name, key in keys.items() if len(key) < SHORTEST_KEY]
    if short and environment is not Environment.DEV:
        raise SettingsError(
            f"{variable}: the key of {short[0]} has less than {SHORTEST_KEY} characters"
        )
    return keys


@contextmanager
def serving(workspace: Path, host: str) -> Iterator[None]:
    """For the block, what workers of `marketing serve` read: its workspace and where it listens."""
    with exported(**{"MARKETING_WORKSPACE": str(workspace), _HOST: host}):
        yield


def link_secrets() -> tuple[tuple[int, bytes], ...]:
    """Numbers and secrets that links are signed with: ``MARKETING_LINK_KEYS=2:SECRET,1:SECRET``.

    The first signs, all verify. Raises :class:`SettingsError`.
    """
    found: dict[int, bytes] = {}
    for number, secret in _pairs("MARKETING_LINK_KEYS"):
        kid = int(number) if number.isascii() and number.isdigit() else 0
        if not 1 <= kid <= 255 or kid in found:
            raise SettingsError("MARKETING_LINK_KEYS: each key has a number of its own, 1 to 255")
        if len(secret) < SHORTEST_KEY:
            raise SettingsError(
                f"MARKETING_LINK_KEYS: key {kid} has less than {SHORTEST_KEY} characters"
            )
        found[kid] = secret.encode()
    return tuple(found.items())


def webhook_variables() -> dict[str, str]:
    """The variable that holds each provider's webhook secret, by provider."""
    return dict(_WEBHOOK_VARIABLES)


def webhook_secrets() -> dict[str, str]:
    """What each provider's webhooks are proven with, by provider; one that is not set is absent."""
    return {
        name: value
        for name, variable in _WEBHOOK_VARIABLES.items()
        if (value := os.environ.get(variable))
    }


def variables(names: Iterable[str]) -> dict[str, str]:
    """The environment variables of these names that are set: what a source is asked with."""
    return {name: value for name in names if (value := os.environ.get(name, "").strip())}


def pull_from() -> datetime | None:
    """The day from which sources are asked the first time: ``MARKETING_PULL_FROM``.

    Raises :class:`SettingsError`.
    """
    given = os.environ.get("MARKETING_PULL_FROM")
    try:
        return clock.parse_time(given) if given else None
    except ValueError:
        raise SettingsError(f"MARKETING_PULL_FROM is {given!r}; give a day, 2026-01-31") from None


def sources_are_stand_ins() -> bool:
    """Whether ``MARKETING_STAND_INS=on`` says that every source's address is one: they are asked
    without a rate limit, and a demo workspace asks nobody else."""
    return os.environ.get("MARKETING_STAND_INS") == "on"


def twilio_shared_keys() -> dict[str, str]:
    """Names and secrets of Twilio's shared keys: with any, HMAC-SHA256 is pinned."""
    return dict(_pairs("MARKETING_TWILIO_SHARED_KEYS"))


def public_url() -> str:
    """Where the world reaches ``marketing serve``, without a slash at the end."""
    return os.environ.get("MARKETING_PUBLIC_URL", "").rstrip("/")


@contextmanager
def shared_metrics() -> Iterator[None]:
    """A folder, for the block, in which the processes of one server add up their metrics."""
    with tempfile.TemporaryDirectory() as folder, exported(**{_METRICS_FOLDER: folder}):
        yield


def metrics_are_shared() -> bool:
    return _METRICS_FOLDER in os.environ


def cors_origins() -> dict[str, list[str]]:
    """Web origins by source: ``MARKETING_CORS_ORIGINS=web:https://a.example,web:https://b.example``."""
    origins: dict[str, list[str]] = {}
    for source, origin in _pairs("MARKETING_CORS_ORIGINS"):
        origins.setdefault(source, []).append(origin)
    return origins


def is_here(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _pairs(variable: str) -> list[tuple[str, str]]:
    pairs = []
    for part in filter(None, map(str.strip, os.environ.get(variable, "").split(","))):
        name, colon, value = part.partition(":")
        if not (name and colon and value):
            # The value may be a secret: it is not repeated.
            raise SettingsError(f"{variable} is a list of source:value, separated by commas")
        pairs.append((name, value))
    return pairs


@contextmanager
def exported(**values: str) -> Iterator[None]:
    """Set environment variables for the block: how dbt's profile learns of the warehouse."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def quiet_third_parties() -> None:
    """Switch off every call home of the libraries, and their chatter, and set what they only read
    when they are imported. Call it before that."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    # Milliseconds until Arrow gives freed memory back: less than a second costs page faults in
    # whatever goes through row groups.
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "5000")
    # The second sets a level of its own when it is imported.
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _pepper(paths: Paths, environment: Environment) -> bytes:
    given = os.environ.get("MARKETING_PEPPER")
    if given:
        if len(given) < SHORTEST_KEY:
            raise SettingsError(
                f"MARKETING_PEPPER is too short; give at least {SHORTEST_KEY} characters"
            )
        return given.encode()
    path = paths.root / PEPPER_FILE
    if path.exists():
        return path.read_bytes().strip()
    if environment is not Environment.DEV:
        raise SettingsError(f"MARKETING_PEPPER must be set when MARKETING_ENV is {environment}")
    pepper = secrets.token_hex(32).encode()
    durable.write(path, pepper, mode=0o600)
    return pepper
