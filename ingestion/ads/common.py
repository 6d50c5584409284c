"""What the ad platforms have in common: the days to ask for, numbers, and reasons of a refusal.

A day is the ad account's own, whatever its zone. The present day is left out until it is over,
and 28 days are asked for again: a platform takes invalid clicks off the spend and adds conversions
to the day of their click for weeks. Rows leave ``known_at`` out, so a restated day is a new
version known from its landing on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from ingestion.sources import lines
from ingestion.sources.model import Page, Pull, PullError, Record
from ingestion.sources.session import place_of

LOOK_BACK = timedelta(days=28)
#: Days to ask for at a time.
RANGE = 30
DAY = timedelta(days=1)
#: Google and Meta refuse to tell single days older than 37 months.
KEPT = timedelta(days=1120)

_PLACES = Decimal("0.0001")

#: The answers of one account for the days from one to another.
Ask = Callable[[str, date, date], Iterator[Page]]


def accounts(pull: Pull, variable: str, prefix: str = "") -> list[str]:
    """The account ids of a variable, digits only."""
    found = []
    for part in pull.values[variable].split(","):
        digits = part.strip().removeprefix(prefix).replace("-", "")
        if not (digits.isascii() and digits.isdigit()):
            raise PullError(f"{variable} holds what is no account id; give ids, comma-separated")
        found.append(digits)
    return found


def by_range(
    pull: Pull, ids: Sequence[str], ask: Ask, kept: timedelta | None = None
) -> Iterator[Page]:
    """Every account's answers, range by range; behind each range a later pull can go on."""
    for first, last in _ranges(pull, kept):
        end = None
        for account in ids:
            for page in ask(account, first, last):
                if end is not None:
                    yield end
                end = page
        if end is not None:
            yield replace(end, state=pull.unfinished(day=(last + DAY).isoformat()))


def _ranges(pull: Pull, kept: timedelta | None) -> Iterator[tuple[date, date]]:
    window = pull.window
    first = window.start.date()
    if "day" in pull.state:
        first = date.fromisoformat(pull.state["day"])
    if kept is not None:
        first = max(first, pull.present.date() - kept)
    yesterday = window.end.date() - DAY
    while first <= yesterday:
        last = min(first + (RANGE - 1) * DAY, yesterday)
        yield first, last
        first = last + DAY


def value_at(body: bytes, path: str) -> Any:
    """What an answer has at a path. Raises :class:`PullError`."""
    try:
        return Record(lines.decoded(body))[path]
    except TypeError:
        raise PullError("an answer of another shape") from None


def number(value: Any) -> Decimal:
    """A number as platforms write it, text or not. Raises ValueError or TypeError."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise TypeError("expected a number")
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise ValueError("expected a number") from None
    if not found.is_finite():
        raise ValueError("expected a finite number")
    return found


def money(value: Any, scale: int = 0) -> Decimal:
    """An amount to four places, half to even; ``scale`` is how many digits its unit lies behind
    the currency's. Finer digits are a platform's own rounding, not money."""
    try:
        # Adding zero takes the sign off a negative zero.
        return number(value).scaleb(-scale).quantize(_PLACES) + 0
    except InvalidOperation:
        raise ValueError("expected an amount") from None


def explain(pull: Pull, reason: Callable[[Record], str | None]) -> None:
    """Let the session say why it was refused: ``reason`` reads it from the answer's JSON, and
    gives nothing secret. None: only the status is said."""
    pull.session.mount("http://", _Refusals(reason))
    pull.session.mount("https://", _Refusals(reason))


class _Refusals(HTTPAdapter):
    """Raises :class:`PullError` for a refusal, with its reason."""

    def __init__(self, reason: Callable[[Record], str | None]) -> None:
        super().__init__()
        self._reason = reason

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        response = super().send(request, *args, **kwargs)
        if response.status_code not in (400, 401, 403):
            return response
        with response:
            told = self._told(b"".join(islice(response.iter_content(1 << 12), 16)))
        if told is None:
            refused = response.status_code != 400
            told = f"{'the credentials were refused' if refused else 'answered'}"
            told += f" ({response.status_code})"
        raise PullError(f"{request.method} {place_of(request.url)}: {told}")

    def _told(self, body: bytes) -> str | None:
        try:
            return self._reason(Record(lines.decoded(body)))
        except (PullError, TypeError):
            return None
