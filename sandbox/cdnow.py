"""CDNOW's purchases of 1997-98 as Segment `Order Completed` messages.

    python -m sandbox.cdnow CDNOW_master.txt orders.ndjson

The master file has a header and one purchase a line: customer id, date (YYYYMMDD), number of
CDs, dollars.
Each becomes one message: ``messageId`` from its line number, ``userId`` the customer id,
``timestamp`` its date at 12:00 UTC and ``receivedAt`` a second later, ``properties`` with
``order_id``, ``revenue`` (the dollars exactly as written), ``currency`` USD and ``quantity``.
The same input gives the same bytes. Source: the `lifetimes` package on PyPI (MIT).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path


def messages(lines: Iterator[str]) -> Iterator[str]:
    """JSON lines for purchase lines. Raises ValueError naming the line that is not a purchase."""
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if not cells or (number == 1 and cells[0] == "customer_id"):
            continue
        try:
            customer, day, quantity, dollars = cells
            date = datetime.strptime(day, "%Y%m%d").strftime("%Y-%m-%d")
            if not customer.isdigit() or not dollars.replace(".", "", 1).isdigit():
                raise ValueError
            count = int(quantity)
        except ValueError:
            raise ValueError(f"line {number} is not a purchase: {line.strip()!r}") from None
        # Written by hand, so that the amount keeps its text and never meets a float.
        yield (
            f'{{"messageId":"cdnow-{number}","type":"track","event":"Order Completed",'
            f'"userId":"{customer}","timestamp":"{date}T12:00:00Z",'
            f'"receivedAt":"{date}T12:00:01Z","properties":{{"order_id":"cdnow-{number}",'
            f'"revenue":{dollars},"currency":"USD","quantity":{count}}}}}\n'
        )


def convert(source: Path, target: Path) -> int:
    """Write the messages of a master file; returns how many."""
    count = 0
    with open(source, encoding="ascii") as lines, open(target, "w", encoding="ascii") as out:
        for message in messages(lines):
            out.write(message)
            count += 1
    return count


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m sandbox.cdnow CDNOW_master.txt orders.ndjson", file=sys.stderr)
        return 2
    print(f"{convert(Path(arguments[0]), Path(arguments[1])):,} messages")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
