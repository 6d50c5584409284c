"""`consent.yml`: its faults, with their place, and what of it reaches SQL."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from workspace import definitions
from workspace.definitions.consent import Consent, text_hash
from workspace.definitions.reading import DefinitionError, read
from workspace.paths import PROJECT

POLICY = """\
legal_bases:
  consent: {}
  notice: {needs: [notice]}
purposes:
  news:
    name: News
    channels: [email]
    marketing: true
    legal_bases: [consent]
    also_called: [old_news]
  scores:
    name: Scores
    channels: [all]
    marketing: false
    expires_after_months: null
    legal_bases: [consent, notice]
stops:
  unsubscribed: {state: withdrawn, covers: marketing}
  other: {state: withdrawn, covers: marketing, lasting: true}
mail_events:
  Gone: unsubscribed
passive_events: [Gone, Seen]
forms:
  - {source: track, name: Sent, field: "a.b[0]", purpose: news, channel: email}
"""


def load(tmp_path: Path, text: str) -> Consent:
    path = tmp_path / "consent.yml"
    path.write_text(text)
    return read(path, Consent)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[consent]", "[consnt]", "9: purposes.news.legal_bases.0: no legal basis 'consnt'; did"),
        ("[old_news]", "[scores]", "11: purposes.scores: 'scores' is the name of purpose news"),
        ("[old_news]", "[all]", "10: purposes.news.also_called.0: 'all' is the name of all"),
        ("  other:", "  others:", "17: stops: 'other' is missing"),
        ("Gone: unsub", "Gone: nsub", "21: mail_events.Gone: no stop 'nsubscribed'; did you"),
        ("purpose: news", "purpose: nws", "24: forms.0.purpose: no purpose 'nws'; did you"),
        ("channel: email", "channel: sms", "24: forms.0.channel: news has no sms"),
        ("[all]", "[all, email]", "11: purposes.scores: channels: 'all' stands alone"),
        ("[email]", "[fax]", "7: purposes.news.channels.0: Input should be 'email'"),
        ("months: null", "months: 0", "15: purposes.scores.expires_after_months: Input should"),
        ("a.b[0]", "a'); drop", "24: forms.0.field: String should match pattern"),
        ("lasting: true", "lastng: true", "lastng: unknown field; did you mean 'lasting'?"),
    ],
)
def test_a_fault_names_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, POLICY.replace(old, new, 1))
    assert expected in "\n".join(caught.value.faults)


@pytest.mark.parametrize(
    ("authorities", "expected"),
    [
        ("{own: [form]}", "source classes without an authority: preference_page"),
        ("{crm: [crm, form]}", "source class 'form' is given twice"),
        ("{crm: [crm, prvider]}", "no source class 'prvider'; did you mean 'provider'?"),
    ],
)
def test_every_source_speaks_for_one_authority(
    tmp_path: Path, authorities: str, expected: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, POLICY + f"authorities: {authorities}\n")
    assert expected in "\n".join(caught.value.faults)


def test_rows_hold_the_policy(tmp_path: Path) -> None:
    rows = list(load(tmp_path, POLICY).rows())
    found = {(row.collection, row.key): row.value for row in rows}
    assert len(found) == len(rows)
    news = found["consent_purposes", "news/email"]
    # An objection ends what is marketing unless it is said otherwise; two years is the default.
    assert (news["ends_on_objection"], news["expires_after_months"]) == (True, 24)
    scores = found["consent_purposes", "scores/all"]
    assert (scores["ends_on_objection"], scores["expires_after_months"]) == (False, None)
    assert found["consent_purpose_names", "old_news"]["purpose"] == "news"
    assert found["consent_bases", "scores/notice"]["needs_notice"] is True
    events = {row.key: row.value for row in rows if row.collection == "consent_mail_events"}
    assert events["Gone"]["is_passive"] and events["Gone"]["reason"] == "unsubscribed"
    assert events["Seen"]["is_passive"] and events["Seen"]["reason"] is None
    assert found["consent_sources", "one_click"]["authority"] == "own"


TEXTS = """\
    texts:
      - {version: news-1, fr: "Je souhaite la lettre.", en: "I want the letter."}
      - {version: mail-1, channel: email, fr: "Je la souhaite.", en: "I want the mail."}
      - {version: news-2, fr: "Je veux bien la lettre.", en: "I would like the letter."}
"""


def with_texts(old: str = "", new: str = "") -> str:
    texts = TEXTS.replace(old, new, 1) if old else TEXTS
    return POLICY.replace("    also_called: [old_news]\n", "    also_called: [old_news]\n" + texts)


def test_the_last_text_is_shown_and_all_are_known(tmp_path: Path) -> None:
    policy = load(tmp_path, with_texts())
    news = policy.purposes["news"]
    shown = news.text("email")
    assert shown is not None and shown.version == "news-2"
    assert (shown.wording("en-GB"), shown.wording("de")) == (shown.en, shown.fr)
    old = news.text("email", "mail-1")
    assert old is not None and old.channel == "email"
    assert news.text("sms", "mail-1") is None and news.text("email", "news-3") is None
    rows = [row.value for row in policy.rows() if row.collection == "consent_texts"]
    assert len(rows) == 6
    by = {(row["text_version"], row["language"]): row for row in rows}
    digest = hashlib.sha256(b"Je souhaite la lettre.").hexdigest()
    assert by["news-1", "fr"]["text_hash"] == digest == text_hash("Je souhaite la lettre.")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("news-2", "news-1", "text 'news-1 (all)' is given twice"),
        ("channel: email", "channel: sms", "texts: the purpose has no channel sms"),
        ("news-2", "news 2", "texts.2.version"),
        ("Je veux bien la lettre.", "Oui", "texts.2.fr"),
        ('fr: "Je souhaite la lettre.", ', "", "texts.0.fr: Field required"),
    ],
)
def test_a_fault_of_a_text(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, with_texts(old, new))
    assert expected in "\n".join(caught.value.faults)


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        ("{medical: medical_confirm_subscription}", None),
        ("{medcal: medical_confirm_subscription}", "no vertical 'medcal'; did you mean"),
        ("{medical: medical_confirm}", "no template 'medical_confirm'; did you mean"),
        ("{medical: medical_welcome}", "medical_welcome has no field from message.confirm_url"),
    ],
)
def test_confirmations_have_their_templates(
    tmp_path: Path, templates: str, expected: str | None
) -> None:
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    path = folder / "consent.yml"
    shipped = "{medical: medical_confirm_subscription, public: public_confirm_subscription}"
    path.write_text(path.read_text().replace(shipped, templates))
    assert templates in path.read_text()
    if expected is None:
        definitions.load(folder)
        return
    with pytest.raises(DefinitionError) as caught:
        definitions.load(folder)
    (fault,) = caught.value.faults
    assert expected in fault and "consent.yml" in fault and "double_opt_in.templates" in fault


def test_without_a_file_nothing_can_be_granted() -> None:
    rows = list(Consent().rows())
    assert {row.collection for row in rows} == {"consent_sources"}


def test_the_shipped_policy_tells_measuring_and_profiling_apart() -> None:
    policy = read(PROJECT / "marketing" / "consent.yml", Consent)
    for name in ("email_tracking", "profiling"):
        purpose = policy.purposes[name]
        assert not purpose.marketing and purpose.ends_on_objection
    assert policy.purposes["email_tracking"].legal_bases == ["consent"]
    # Existing customers need a sale, a legitimate interest a notice and an address of one's own.
    assert policy.legal_bases["soft_opt_in"].needs == ["sale"]
    assert policy.legal_bases["legitimate_interest"].needs == ["notice", "professional"]
    assert {"contact", "info", "mairie"} <= set(policy.generic_addresses)
