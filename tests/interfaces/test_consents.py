"""`marketing consents ask` says who would be asked, or what is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.publish import Catalogue, Relation, publish
from workspace import settings
from workspace.clock import iso

AT = datetime(2026, 3, 3, 9)


def marketing(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["consents", *(str(word) for word in arguments)])


def test_before_anything_is_published(tmp_path: Path) -> None:
    for arguments in (("ask",), ("ask", "--dry-run")):
        result = marketing(*arguments, "--workspace", tmp_path / "w")
        assert result.exit_code == 2 and "marketing run" in result.output


def test_who_would_be_asked(tmp_path: Path) -> None:
    paths = settings.load(tmp_path / "w").paths
    paths.default_as_of.write_text(iso(AT))
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            f"""
            create table marts.consent_states as
            select 'c' || n as subject_id, 'c' || n as contact_id, 'sms_reminders' as purpose,
                'sms' as channel, '' as brand, 'pending' as state, 'own' as authority,
                'e' || n as evidence_id
            from range(3) as numbers (n);
            create table marts.consent_records as
            select subject_id, evidence_id, 'user_id' as identifier_type, 'k' as identifier_key,
                'sms-reminders-1' as text_version,
                timestamp '{AT - timedelta(hours=1)}' as decided_at
            from marts.consent_states;
            create table marts.dim_contacts as
            select contact_id, '' as account_id, 'public' as vertical, 'm' as email_key,
                'p' as phone_key
            from marts.consent_states
            """
        )
    names = ("consent_states", "consent_records", "dim_contacts")
    catalogue = Catalogue([Relation("marts", name, "One row per row.") for name in names])
    publish(paths.warehouse, paths, catalogue, AT, {})
    result = marketing("ask", "--dry-run", "--workspace", tmp_path / "w")
    assert result.exit_code == 0, result.exception
    assert "sms_reminders" in result.output and "public_confirm_subscription" in result.output
    assert result.output.split()[-1] == "3"
