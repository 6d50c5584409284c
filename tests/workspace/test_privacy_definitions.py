"""`privacy.yml`: complete for what is shipped; what is wrong is told with file, line and field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workspace import definitions
from workspace.catalogue import HOLDINGS
from workspace.definitions import DefinitionError
from workspace.definitions.audiences import DESTINATIONS
from workspace.definitions.privacy import LANGUAGES, Words
from workspace.definitions.providers import CHANNELS
from workspace.paths import PROJECT

SHIPPED = definitions.load(PROJECT / "marketing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", made)
    return made


def test_every_category_of_the_catalogue_is_described() -> None:
    assert {holding.category for holding in HOLDINGS} <= set(SHIPPED.privacy.categories)


def test_every_provider_and_destination_is_a_recipient() -> None:
    """Also those that are not in use: who switches one on has it in the record already."""
    assert SHIPPED.privacy.unnamed(CHANNELS, DESTINATIONS) == []
    assert SHIPPED.privacy.unnamed(["pigeon", "ses"], ["fax"]) == ["fax", "pigeon"]


def test_every_purpose_of_consent_belongs_to_an_activity() -> None:
    used = [key for its in SHIPPED.privacy.purposes.values() for key in its.consent_purposes]
    assert sorted(used) == sorted(SHIPPED.consent.purposes)


def test_transfers_outside_the_union_name_their_safeguard() -> None:
    for key, recipient in SHIPPED.privacy.recipients.items():
        assert (recipient.country == "FR") == (recipient.safeguard is None), key


def test_what_is_not_used_is_not_there() -> None:
    privacy = SHIPPED.privacy
    used = {key for category in privacy.categories.values() for key in category.purposes}
    assert used == set(privacy.purposes)
    used = {key for category in privacy.categories.values() for key in category.recipients}
    assert used == set(privacy.recipients)
    used = {key for category in privacy.categories.values() for key in category.subjects}
    assert used == set(privacy.subjects)


def test_legal_bases_are_those_of_the_purposes() -> None:
    assert SHIPPED.privacy.legal_bases_of("support") == ["contract", "legitimate_interest"]
    assert SHIPPED.privacy.legal_bases_of("behaviour") == ["consent", "legitimate_interest"]


def test_words_are_said_in_each_language() -> None:
    words = Words(fr="oui", en="yes")
    assert [words.say(language) for language in LANGUAGES] == ["oui", "yes"]


def test_rows_carry_what_sql_asks_for() -> None:
    rows = {(row.collection, row.key): row.value for row in SHIPPED.privacy.rows()}
    rejected = rows["privacy_categories", "rejected"]
    assert (rejected["retention_months"], rejected["retention_from"]) == (6, "occurred")
    assert rows["privacy_categories", "scores"]["retention_months"] is None
    assert rows["privacy_purposes", "profiling"]["is_profiling"]
    assert rows["privacy_category_recipients", "scores/hubspot"]["recipient"] == "hubspot"
    assert rows["privacy_settings", "settings"] == {"residual": True}
    deals = rows["personal_data", "lake/crm_deals"]
    assert (deals["category"], deals["mentioning_columns"]) == ("sales", "contact_crm_id")
    held = {key for collection, key in rows if collection == "personal_data"}
    assert held == {f"{its.store}/{its.name}" for its in HOLDINGS}


def test_without_the_file_nothing_is_kept_or_deleted_by_it(folder: Path) -> None:
    (folder / "privacy.yml").unlink()
    assert definitions.load(folder).privacy.categories == {}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("purposes: [profiling]", "purposes: [profilling]", "did you mean 'profiling'"),
        ("recipients: [own_systems]", "recipients: [own]", "no recipient 'own'"),
        ("subjects: [staff]", "subjects: [stuff]", "did you mean 'staff'"),
        ("verticals: [medical]", "verticals: [medicine]", "no vertical 'medicine'"),
        ("consent_purposes: [ads_audience]", "consent_purposes: [ads]", "no purpose of consent"),
        ("providers: [ses]", "providers: [sea]", "did you mean 'ses'"),
        ("providers: [ses]", "providers: [sendgrid]", "that of sendgrid, too"),
        ("destinations: [meta]", "destinations: [metta]", "did you mean 'meta'"),
        ("then: delete", "then: burn", "then"),
        ("months: 6,", "months: 0,", "months"),
        ("country: US", "country: USA", "country"),
        ('fr: "Avis", en: "Feedback"', 'fr: "Avis"', "en"),
        ("email: dpo@", "email: dpo at ", "email"),
        ("legal_bases: [contract, legitimate_interest]", "legal_bases: [contract]", "interest"),
        ("erasure: {residual", "erasure: {residue", "unknown field"),
    ],
)
def test_faults_name_their_line(folder: Path, old: str, new: str, told: str) -> None:
    path = folder / "privacy.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DefinitionError) as caught:
        definitions.load(folder)
    assert told in str(caught.value)
    assert f"{path}:" in str(caught.value)
