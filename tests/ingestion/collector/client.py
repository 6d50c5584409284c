"""Sends mixed calls through Segment's own Python client: client.py URL KEY COUNT."""

from __future__ import annotations

import sys

import segment.analytics as client


def main(host: str, key: str, count: str) -> None:
    failures = []
    client.host, client.write_key, client.max_queue_size = host, key, 1_000_000
    client.on_error = lambda error, items: failures.append((error, len(items)))
    client.gzip = True
    for i in range(int(count)):
        who = f"python-{i % 7}"
        match i % 6:
            case 0:
                client.track(who, "Product Viewed", {"i": i, "name": "é✓"})
            case 1:
                client.identify(who, {"plan": "x", "i": i})
            case 2:
                client.page(who, "cat", "Home", {"url": f"https://x.example/{i}"})
            case 3:
                client.screen(who, "cat", "Start")
            case 4:
                client.group(who, f"g{i % 3}")
            case _:
                client.alias(f"anonymous-{i}", who)
    client.flush()
    client.shutdown()
    assert not failures, failures


if __name__ == "__main__":
    main(*sys.argv[1:])
