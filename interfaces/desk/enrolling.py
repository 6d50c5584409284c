"""Contacts put into a journey by a file: looked at first, then asked for."""

from __future__ import annotations

from interfaces.desk.office import Answer, Ask, Office, Refusal, to
from reverse_etl.journeys import enrolment, entering
from reverse_etl.journeys.enrolment import BadFile
from reverse_etl.journeys.rehearsal import Stage
from reverse_etl.publish import NothingPublished, published_as_of

#: A file larger than this is for the command.
MAX_FILE_BYTES = 1 << 20
#: Rows of each verdict that are shown.
SHOWN = 200
#: A run may hold the workspace for minutes: who asks is told so.
WAIT_SECONDS = 5.0


def asked(office: Office, ask: Ask) -> Answer:
    """GET /enrol"""
    said, key = ask.query.get("said", ""), ask.query.get("journey", "")
    found = office.definitions().journeys.journeys
    told = ""
    if said in ("new", "already") and key in found:
        count = ask.query.get("contacts", "")
        number = f"{int(count):,}" if count.isascii() and count.isdigit() else "The"
        told = f"{number} contacts enter {key} at the next run"
        told += "." if said == "new" else ", as was asked for today already. Nothing changed."
    return _page(office, ask, told)


def done(office: Office, ask: Ask) -> Answer:
    """POST /enrol: ``look`` shows what a file would do, ``enrol`` asks in those who would enter."""
    key = ask.text("journey")
    found = office.definitions(is_fresh=True)
    if key not in found.journeys.journeys:
        raise Refusal(422, "Choose a journey.")
    stage = Stage.over(office.settings.paths, found)
    if ask.text("do") == "enrol":
        contacts = _contacts(
            "\n".join([enrolment.COLUMN, *ask.text("contacts").split(",")]).encode()
        )
        who = ask.said(ask.text("note"))
        new = enrolment.enroll(office.settings, stage, key, contacts, who, WAIT_SECONDS)
        said = "new" if new else "already"
        return to(f"enrol?journey={key}&contacts={len(contacts)}&said={said}")
    data = ask.form.get("file", b"")
    if len(data) > MAX_FILE_BYTES:
        told = f"The file is larger than {MAX_FILE_BYTES >> 20} MB; use: marketing journeys enroll"
        raise Refusal(413, told)
    contacts = _contacts(data)
    try:
        looked = entering.on_paper(stage, office.lake, key, contacts, office.settings.present())
    except NothingPublished as error:
        raise Refusal(503, f"Nobody can be looked up: {error}.") from None
    others = {one.contact_id: one.other for one in looked.entries if one.other}
    entering_ids = [one.contact_id for one in looked.entries if one.enters]
    return office.page(
        ask,
        "enrolment.html",
        f"Enrol into {key}",
        journey=key,
        is_off=key not in found.journeys_in_use.journeys,
        as_of=published_as_of(office.settings.paths),
        total=len(looked.entries),
        entering=len(entering_ids),
        verdicts=[
            {
                "text": text,
                "enters": verdict in (entering.ENTERS, entering.REFUSED, entering.ASKED),
                "count": len(listed),
                "contacts": [[one, others.get(one) or ""] for one in listed[:SHOWN]],
                "more": max(0, len(listed) - SHOWN),
            }
            for verdict, text, listed in looked.told()
        ],
        listed=",".join(entering_ids),
    )


def _contacts(data: bytes) -> list[str]:
    try:
        found = enrolment.contacts_of(data, "the file")
    except BadFile as error:
        raise Refusal(422, f"{error}.") from None
    if not found:
        raise Refusal(422, "The file names nobody.")
    return found


def _page(office: Office, ask: Ask, told: str) -> Answer:
    found = office.definitions().journeys.journeys
    return office.page(
        ask,
        "enrol.html",
        "Enrol by file",
        told=told,
        journeys=[[key, journey.name] for key, journey in sorted(found.items())],
        most=MAX_FILE_BYTES >> 20,
    )
