"""An alert as a mail: plain text, with a subject that says how much it is and the worst of it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from textwrap import fill

from reverse_etl.delivery.protocol import Outgoing
from workspace import clock
from workspace.alerts import Alert, Fault

SENDER_NAME = "Marketing warehouse"
#: Nobody's out-of-office answers it (RFC 3834).
_HEADERS = (("Auto-Submitted", "auto-generated"),)
_WORDS = {"appeared": "new", "stays": "still there", "gone": "gone"}
_fill = partial(fill, width=78, break_long_words=False, break_on_hyphens=False)


def message(alert: Alert, to: str, sender: str) -> Outgoing:
    """The same bytes and Message-ID however often it is made; its Date is the run's end."""
    return Outgoing(
        message_id=alert.ident,
        channel="email",
        destination=to,
        sender=sender,
        sender_name=SENDER_NAME,
        content={"subject": subject(alert), "text": text(alert)},
        headers=_HEADERS,
        composed_at=clock.parse_time(alert.ended_at),
    )


def subject(alert: Alert) -> str:
    """``[marketing prod] 2 new, 1 gone: ERROR consent: message_proofs``"""
    states = Counter(fault.state for fault in alert.faults)
    counts = ", ".join(f"{states[s]} {word}" for s, word in _WORDS.items() if states[s])
    worst = min(alert.faults, key=lambda fault: fault.rank)
    told = worst.asset or worst.step or "the run"
    grade = "" if worst.state == "gone" else f"{worst.severity} "
    said = f"[marketing {alert.environment}] {counts}: {grade}{_kind(worst)}: {told}"
    return " ".join(said.split())  # one line, whatever an asset is called


def text(alert: Alert) -> str:
    """Worst first, each with its page."""
    faults = sorted(alert.faults, key=lambda fault: fault.rank)
    head = (
        f"Run {alert.run_id} of {alert.job} ended at {alert.ended_at} ({alert.status}).\n"
        f"Workspace {alert.workspace} ({alert.environment})."
    )
    foot = (
        "What stays is told again once a day, what is gone once. "
        "docs/operations.md says what a red check means and what to do."
    )
    return "\n\n".join([head, *map(_paragraph, faults), _fill(foot)]) + "\n"


def _paragraph(fault: Fault) -> str:
    check = f": {fault.check.replace('_', ' ')}" if fault.check else ""
    lines = [
        f"{_WORDS[fault.state].upper()}  {_kind(fault)} ({fault.severity}), since {fault.since}",
        f"{fault.asset or fault.step or 'the run'}{check}",
        *([fault.text] if fault.text else []),
    ]
    return "\n".join([*(_fill(line, subsequent_indent="  ") for line in lines), fault.link])


def _kind(fault: Fault) -> str:
    return fault.kind.replace("_", " ")
