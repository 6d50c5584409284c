"""NDJSON events to validated, deduplicated Parquet: ours, an orjson loop, and dlt.

    python -m benchmarks.ingest_ndjson [ROWS] [--dlt-rows ROWS]

All three run in this process on the same landed file, and the ratios are printed at the end. The
loop does the same work in the plain way: parse, validate (no key given twice, texts that are
texts, times in range), keep the payloads, hash the identifiers, drop repeated ids, write Parquet
with zstd. dlt gets a slice of the file, because it is slow, and is measured by the row; it does
less (it neither validates nor hashes).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import tempfile
import time
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.landing import LandedFile, land
from ingestion.loading import load
from ingestion.quick import count_keys
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.settings import quiet_third_parties
from workspace.streams import STREAMS

LANDED_AT = datetime(2026, 3, 1)
KEYRING = Keyring(b"benchmark pepper")
EARLIEST, LATEST = datetime(1900, 1, 1), datetime(2200, 1, 1)
LATEST_EVENT = LANDED_AT + timedelta(hours=24)
TEXTS = ("messageId", "event", "name", "userId", "anonymousId", "groupId", "previousId")
TYPES = {"track", "identify", "page", "screen", "group", "alias"}
CURRENCIES = {"EUR", "USD", "GBP", "CHF"}


def make_file(path: Path, rows: int, seed: int = 1) -> None:
    """Messages as a web shop and its site send them; 1 in 100 is sent twice."""
    rng = random.Random(seed)
    start = datetime(2026, 1, 1)
    last: list[bytes] = []
    with open(path, "wb") as out:
        for i in range(rows):
            if last and rng.random() < 0.01:
                out.write(rng.choice(last))
                continue
            at = start + timedelta(milliseconds=i * 4_000_000 // rows * 1000 + rng.randrange(1000))
            page = f"/guides/{rng.randrange(2000)}"
            url = f"https://www.shop{rng.randrange(3)}.example{page}"
            message = {
                "messageId": str(uuid.UUID(int=rng.getrandbits(128))),
                "type": "page",
                "anonymousId": f"a-{rng.randrange(max(rows // 6, 1)):x}",
                "timestamp": at.isoformat(timespec="milliseconds") + "Z",
                "sentAt": (at + timedelta(seconds=1)).isoformat(timespec="milliseconds") + "Z",
                "receivedAt": (at + timedelta(seconds=2)).isoformat(timespec="milliseconds") + "Z",
                "properties": {"url": url, "path": page, "title": f"Guide {page[8:]}"},
                "context": {
                    "page": {"url": url, "path": page, "referrer": "https://search.example/"},
                    "campaign": {"source": "google", "medium": "cpc", "name": f"c{i % 40}"},
                    "userAgent": f"Mozilla/5.0 (X11; Linux x86_64) Chrome/{100 + i % 30}.0",
                    "ip": f"10.0.{i % 256}.{i // 256 % 256}",
                    "library": {"name": "analytics.js", "version": "2.11.1"},
                },
            }
            if rng.random() < 0.5:
                message["userId"] = f"u{rng.randrange(max(rows // 20, 1))}"
            if rng.random() < 0.3:
                message |= {"type": "track", "event": "Product Viewed"}
            elif rng.random() < 0.05:
                message |= {
                    "type": "track",
                    "event": "Order Completed",
                    "properties": {
                        "order_id": f"o{i}",
                        "revenue": rng.randrange(100, 99999) / 100,
                        "currency": "EUR",
                    },
                }
            line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
            last = [*last[-50:], line]
            out.write(line)


def prepare(path: Path, workspace: Path) -> LandedFile:
    return land("events", path, workspace / "landing", LANDED_AT)


def ours(landed: LandedFile, workspace: Path) -> int:
    result = load("events", landed, Lake(workspace / "lake"), KEYRING, guard=False)
    assert result.bad == 0 and result.quarantined == 0, result
    return result.good


def loop(landed: LandedFile, workspace: Path) -> int:
    """The same work, one message after another."""
    schema = STREAMS["events"].schema
    columns: dict[str, list[object]] = {name: [] for name in schema.names}
    seen: dict[str, bytes] = {}
    keys: dict[tuple[str, str], str | None] = {}

    def key(kind: str, value: str | None) -> str | None:
        if value is None:
            return None
        if (kind, value) not in keys:
            keys[kind, value] = KEYRING.key(kind, value)
        return keys[kind, value]

    def when(text: str | None) -> datetime | None:
        if text is None:
            return None
        time = datetime.fromisoformat(text).replace(tzinfo=None)
        if not EARLIEST <= time <= LATEST:
            raise ValueError
        return time

    with open(landed.path, "rb") as handle:
        for number, line in enumerate(handle, 1):
            m = orjson.loads(line)
            if count_keys(m) != line.count(b'":'):
                raise ValueError
            message_id, kind = m["messageId"], m["type"]
            user, anonymous = m.get("userId"), m.get("anonymousId")
            if kind not in TYPES or any(not isinstance(m.get(k, ""), str) for k in TEXTS):
                raise ValueError
            if not (user or anonymous) or (kind == "track" and not m.get("event")):
                raise ValueError
            properties, context = m.get("properties") or {}, m.get("context") or {}
            texts = [
                orjson.dumps(m[name], option=orjson.OPT_SORT_KEYS).decode() if name in m else None
                for name in ("properties", "traits", "context")
            ]
            body = "".join(text or "" for text in texts).encode()
            if message_id in seen:
                if seen[message_id] != body:
                    raise ValueError
                continue
            seen[message_id] = body
            timestamp, received = when(m["timestamp"]), when(m.get("receivedAt"))
            if timestamp > LATEST_EVENT or (received is not None and received > LATEST_EVENT):
                raise ValueError
            revenue = properties.get("revenue", properties.get("total"))
            currency = properties.get("currency")
            if currency is not None and currency not in CURRENCIES:
                raise ValueError
            page, campaign = context.get("page") or {}, context.get("campaign") or {}
            second = properties if kind == "page" else {}
            url = page.get("url") or second.get("url")
            digest = hashlib.md5(message_id.encode()).digest()
            row = (
                message_id,
                int.from_bytes(digest[:8], "little", signed=True),
                kind,
                m.get("event"),
                m.get("name"),
                user,
                key("user_id", user),
                anonymous,
                key("anonymous_id", anonymous),
                m.get("groupId"),
                m.get("previousId"),
                timestamp,
                when(m.get("sentAt")),
                url,
                page.get("path") or second.get("path"),
                url.split("/", 3)[2].lower() if url else None,
                page.get("referrer") or second.get("referrer"),
                page.get("title") or second.get("title"),
                campaign.get("source"),
                campaign.get("medium"),
                campaign.get("name"),
                campaign.get("term"),
                campaign.get("content"),
                context.get("userAgent"),
                context.get("ip"),
                context.get("locale"),
                properties.get("order_id"),
                None if revenue is None else Decimal(str(revenue)).quantize(Decimal("0.0001")),
                currency,
                *texts,
                received or LANDED_AT,
                LANDED_AT,
                landed.landing_file,
                number,
            )
            for values, value in zip(columns.values(), row, strict=True):
                values.append(value)
    table = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    pq.write_table(table, workspace / "loop.parquet", compression="zstd")
    return table.num_rows


def dlt_parquet(path: Path, workspace: Path, rows: int) -> int:
    os.environ["DLT_DATA_DIR"] = str(workspace / "dlt")
    import dlt

    def messages():  # type: ignore[no-untyped-def]
        with open(path, "rb") as handle:
            for number, line in enumerate(handle):
                if number == rows:
                    return
                yield orjson.loads(line)

    pipeline = dlt.pipeline(
        "benchmark",
        destination=dlt.destinations.filesystem(str(workspace / "dlt_out")),
        dataset_name="events",
        pipelines_dir=str(workspace / "dlt_pipelines"),
    )
    pipeline.run(
        messages(),
        table_name="events",
        primary_key="messageId",
        loader_file_format="parquet",
    )
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--dlt-rows", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args(arguments)
    quiet_third_parties()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.ndjson"
        make_file(path, options.rows)
        size = path.stat().st_size
        print(f"{options.rows:,} rows, {size / 1e6:,.0f} MB, {size // options.rows} B a row")
        seconds: dict[str, float] = {}
        counts: dict[str, int] = {}
        for turn in range(options.repeat):
            for name, work in (("ours", ours), ("orjson loop", loop)):
                workspace = Path(folder) / f"{name}-{turn}"
                workspace.mkdir()
                landed = prepare(path, workspace)
                started = time.perf_counter()
                counts[name] = work(landed, workspace)
                taken = (time.perf_counter() - started) / options.rows
                seconds[name] = min(taken, seconds.get(name, taken))
        assert counts["ours"] == counts["orjson loop"], counts
        if options.dlt_rows:
            import dlt  # noqa: F401  the import is not part of the measurement

            rows = min(options.dlt_rows, options.rows)
            started = time.perf_counter()
            dlt_parquet(path, Path(folder), rows)
            seconds["dlt Parquet"] = (time.perf_counter() - started) / rows
    for name, taken in seconds.items():
        ratio = taken / seconds["ours"]
        print(f"{name:12} {1 / taken:12,.0f} rows/s   {ratio:6.1f} times the time of ours")


if __name__ == "__main__":
    main()
