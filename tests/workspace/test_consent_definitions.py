"""`consent.yml`: its faults, with their place, and what of it reaches SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace.definitions.consent import Consent
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
