"""The two ways in which input can be wrong: a whole file, or one row.

What belongs here: the two exceptions and the closed list of reason codes.
"""

from __future__ import annotations

from pathlib import Path


class IngestError(Exception):
    """A file that is refused as a whole. Nothing of it reaches the lake."""

    def __init__(
        self,
        path: Path | str,
        message: str,
        *,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.line = line
        self.field = field
        self.message = message
        place = str(path) + (f":{line}" if line is not None else "")
        super().__init__(f"{place}: {f'{field}: ' if field else ''}{message}")


class FileChanged(IngestError):
    """The file changed while it was read: try again when it is at rest."""


class RowError(Exception):
    """One row that does not fit. ``detail`` says what was expected and never quotes the value.

    The value itself may be an address or a name; it stays with the original bytes.
    """

    def __init__(self, reason: str, field: str | None = None, detail: str = "") -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reason code: {reason}")
        self.reason = reason
        self.field = field
        self.detail = detail
        super().__init__(f"{reason} {field or ''} {detail}")


#: Every reason a row can be bad or quarantined for.
REASONS = {
    # bytes and JSON
    "invalid_utf8": "the bytes are not UTF-8",
    "byte_order_mark": "JSON is UTF-8 without a byte order mark",
    "invalid_json": "not a JSON value",
    "not_an_object": "the line is JSON but not an object",
    "duplicate_key": "an object names the same key twice",
    "not_finite": "NaN or Infinity",
    "number_range": "a number beyond a double or beyond 4,300 digits",
    "lone_surrogate": "half of a UTF-16 pair, which no UTF-8 text can hold",
    "too_deep": "nested deeper than 64 levels",
    "too_long": "longer than 1,000,000 bytes",
    "truncated_gzip": "the gzip stream ends or breaks inside this row",
    "damaged_segment": "bytes of a collected segment that are no whole record",
    "refused_file": "the file was refused as a whole; this row stands for it",
    # CSV
    "csv_quote": "a quote that is never closed, or text after a closing quote",
    "cell_count": "more or fewer cells than the header names",
    "control_character": "a NUL byte in a cell",
    # contracts
    "missing_field": "a required field is missing or empty",
    "wrong_type": "a value of another JSON type",
    "not_a_number": "not a number",
    "too_many_digits": "more digits than the column keeps",
    "out_of_range": "outside the range the contract allows",
    "not_a_time": "not an ISO 8601 date or time",
    "time_range": "before 1900 or more than 24 hours after landing",
    "unknown_value": "not one of the allowed values",
    "unknown_currency": "not an ISO 4217 currency code",
    "not_an_email": "not an e-mail address",
    "not_a_domain": "not a domain",
    "not_a_phone": "not a phone number",
    "not_a_key": "not a keyed hash of this workspace",
    "ambiguous": "two fields that exclude one another",
    # quarantine
    "id_conflict": "the id is already there with another body",
    "key_conflict": "the natural key is already there, at the same known_at, with other content",
    "event_contract": "the event's properties break its JSON Schema",
    "batch_suite": "the batch as a whole failed its expectation suite",
}
