"""A desk over a workspace of a test's own, and somebody who sits at it."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from starlette.testclient import TestClient

from interfaces.desk.app import Desk
from interfaces.desk.office import PATH
from workspace.ledger import open_ledger, schema
from workspace.paths import PROJECT
from workspace.settings import ReadKey, Settings, load

KEYS = (
    ReadKey("ana", "marketer", "key-of-ana"),
    ReadKey("max", "approver", "key-of-max"),
    ReadKey("wall", "viewer", "key-of-wall"),
    ReadKey("bob", "analyst", "key-of-bob"),
    ReadKey("dee", "dpo", "key-of-dee"),
    ReadKey("eve@x.fr", "approver", "key-of-eve"),
)
CAMPAIGN = "public_salon_invitation"
WEEKLY = "medical_weekly_newsletter"
JOURNEY = "medical_welcome"
AT = datetime(2026, 3, 3, 8)


def definitions(folder: Path) -> Path:
    return shutil.copytree(PROJECT / "marketing", folder)


class Clock:
    """The clock of sessions."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at

    def on(self, **span: float) -> None:
        self.at += timedelta(**span)


class At:
    """Somebody at a desk, by HTTP."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def sign_in(self, key: str) -> Any:
        return self.client.post(f"{PATH}/sign-in", data={"key": key})

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(f"{PATH}/{path}", **more)

    def token(self) -> str:
        return field(self.get("preview").text, "token")

    def post(self, path: str, token: str | None = None, files: Any = None, **fields: str) -> Any:
        fields["token"] = self.token() if token is None else token
        return self.client.post(f"{PATH}/{path}", data=fields, files=files)

    def decide(self, path: str, do: str = "approved", **fields: str) -> Any:
        """Send the form of a page as it is shown."""
        page = self.get(path).text
        known = {name: field(page, name) for name in ("token", "shown", "occurrence")}
        return self.post(path.partition("?")[0], **{**known, "do": do, **fields})


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return html.unescape(found[1])


def desk(
    settings: Settings, clock: Clock | None = None, keys: Sequence[ReadKey] = KEYS
) -> TestClient:
    app: Any = Desk(settings, keys, clock or Clock())
    return TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)


def seated(settings: Settings, key: str = "key-of-max", clock: Clock | None = None) -> At:
    at = At(desk(settings, clock))
    assert at.sign_in(key).status_code == 303
    return at


def workspace(folder: Path) -> Settings:
    """An empty workspace. MARKETING_DEFINITIONS names its definitions."""
    opened = load(folder)
    opened.paths.default_as_of.write_text("2026-03-03T08:00:00Z")
    return opened


def chain(settings: Settings) -> list[dict[str, Any]]:
    """The audit chain without what seals it."""
    table = schema.audit_chain
    ledger = open_ledger(settings.ledger_url)
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.position)).mappings()
        found = [dict(row) for row in rows]
    ledger.close()
    return [
        {name: value for name, value in row.items() if name not in ("previous", "digest")}
        for row in found
    ]
