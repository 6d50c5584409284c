"""CSV files of who came and who went, in a folder of this machine or of an SFTP server.

A file is complete when it is there under its name. Cells that a spreadsheet would take for a
formula are made text; numbers stay numbers.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reverse_etl.audiences.model import Capabilities, Item, Outcome, Paused, Unavailable
from workspace import durable
from workspace.clock import compact
from workspace.ledger.audiences import CONFIRMED

if TYPE_CHECKING:
    from paramiko import SFTPClient

PLACE = "MARKETING_FILE_URL"
KEY, PASSWORD = "MARKETING_FILE_SFTP_KEY", "MARKETING_FILE_SFTP_PASSWORD"
HOST_KEY = "MARKETING_FILE_SFTP_HOST_KEY"
COLUMNS = ("operation", "contact_id", "email", "phone")
SECONDS = 30.0
_FORMULA = re.compile(r"^[=+\-@\t\r\n\x00＝＋－＠]")
_NUMBER = re.compile(r"^[+-]?[0-9]+([.,][0-9]+)?$")

CAPABILITIES = Capabilities(
    name="file",
    title="CSV file (folder or SFTP)",
    batch_size=100_000,
    identifiers=("email", "phone"),
    normaliser="hashed-1",
    variables=(PLACE,),
    optional=(KEY, PASSWORD, HOST_KEY),
    url="",
    needs_list=False,
    per_second=50.0,
    note="hashed unless `hashed: false`; SFTP needs the extra `sftp`",
)


class File:
    capabilities = CAPABILITIES

    def __init__(
        self, values: dict[str, str], audience: str, present: Callable[[], datetime]
    ) -> None:
        self._values, self._audience, self._present = values, audience, present

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("add", items)

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("remove", items)

    def poll(self, batch_id: str) -> Outcome | None:
        raise NotImplementedError("a file is there at once")

    def _write(self, operation: str, items: Sequence[Item]) -> dict[str, Outcome]:
        data = table(operation, items)
        digest = hashlib.sha256(data).hexdigest()[:12]
        name = f"{self._audience}__{compact(self._present())}__{operation}__{digest}.csv"
        place = self._values[PLACE]
        if place.startswith("sftp://"):
            with _sftp(self._values) as (client, folder):
                _upload(client, folder, name, data)
        else:
            folder = Path(place.removeprefix("file://")).expanduser()
            try:
                folder.mkdir(parents=True, exist_ok=True)
                durable.write(folder / name, data, mode=0o600)
            except OSError as error:
                raise Paused("folder", f"{PLACE} cannot be written ({error.strerror})") from None
        return {item.contact_id: Outcome(CONFIRMED, batch_id=name) for item in items}


def table(operation: str, items: Sequence[Item]) -> bytes:
    """The file: one row per member and pair of identifiers, UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in items:
        emails, phones = (item.identifiers.get(kind, ()) for kind in ("email", "phone"))
        for email, phone in zip_longest(emails, phones, fillvalue=""):
            writer.writerow([inert(c) for c in (operation, item.contact_id, email, phone)])
    return text.getvalue().encode()


def inert(cell: str) -> str:
    """The cell as no spreadsheet calculates it."""
    if _FORMULA.match(cell) and not _NUMBER.match(cell):
        return f"'{cell}"
    return cell


@contextmanager
def _sftp(values: dict[str, str]) -> Iterator[tuple[SFTPClient, str]]:
    """A client that has met the server whose key was given, and the folder there."""
    try:
        import paramiko
    except ImportError:
        raise Paused("extra", "SFTP needs the extra 'sftp': pip install '.[sftp]'") from None
    parts = urlsplit(values[PLACE])
    if not values.get(HOST_KEY):
        raise Paused("host_key", f"{HOST_KEY} must hold the server's public key")
    host, port = parts.hostname or "", parts.port or 22
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    name = host if port == 22 else f"[{host}]:{port}"
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {values[HOST_KEY]}")
    except (paramiko.SSHException, paramiko.hostkeys.InvalidHostKey, ValueError):
        entry = None
    if entry is None or entry.key is None:
        raise Paused("host_key", f"{HOST_KEY} is no public key")
    client.get_host_keys().add(name, entry.key.get_name(), entry.key)
    try:
        client.connect(
            host,
            port,
            unquote(parts.username or ""),
            values.get(PASSWORD),
            key_filename=values.get(KEY),
            timeout=SECONDS,
            banner_timeout=SECONDS,
            auth_timeout=SECONDS,
            channel_timeout=SECONDS,
            allow_agent=False,
            look_for_keys=False,
        )
        with client.open_sftp() as sftp:
            sftp.get_channel().settimeout(SECONDS)  # type: ignore[union-attr]
            yield sftp, unquote(parts.path).strip("/")
    except paramiko.BadHostKeyException:
        raise Paused("host_key", "the server has another key") from None
    except paramiko.AuthenticationException:
        raise Paused("credentials", "the server refused the key or password") from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unavailable("sftp", type(error).__name__) from None
    finally:
        client.close()


def _upload(client: SFTPClient, folder: str, name: str, data: bytes) -> None:
    """Under another name first: nobody fetches half a file."""
    target = f"{folder}/{name}" if folder else name
    part = f"{target}.part"
    with client.open(part, "wb") as handle:
        handle.set_pipelined(True)
        handle.write(data)
    client.posix_rename(part, target)
