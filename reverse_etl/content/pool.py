"""Long-lived worker processes that render batches, and survive what kills one of them.

A batch goes to a worker whole. Where the worker dies over it (memory, processor time), another
takes its values one at a time, so that only who caused it goes without; a template that kills
three workers is given up for the rest of the batch.
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from reverse_etl.content.skeleton import Skeleton, skeleton

WORKERS = 2
MEMORY_BYTES = 192 << 20
CPU_SECONDS = 0.5
PIPE_BYTES = 1 << 20
#: Behind the limit on processor time, for a worker that hangs without using any.
WALL_SECONDS = 30.0
DEATHS = 3
STOPPED = "stopped: it took too much time or memory"

#: Text of each piece, or what was wrong.
Outcome = list[str] | str


@dataclass(frozen=True)
class Batch:
    """Values for one part: ``pieces`` maps a piece to its source and whether it is HTML."""

    part: str
    pieces: dict[str, tuple[str, bool]]
    values: Sequence[dict[str, Any]]


class Died(Exception):
    """A worker is gone, or was ended since it did not answer."""


class Worker:
    """One process. Raises :class:`Died` from wherever it is found dead."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("worker.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(script), str(MEMORY_BYTES), str(CPU_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            close_fds=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.defined: set[str] = set()
        self.out = self.process.stdout.fileno()
        for pipe in (self.process.stdin, self.process.stdout):
            _widen(pipe.fileno())
        self._encode, self._decode = (
            msgspec.msgpack.Encoder().encode,
            msgspec.msgpack.Decoder().decode,
        )

    def start(self, part: str, pieces: dict[str, tuple[str, bool]], values: Sequence[Any]) -> None:
        """Give it a batch; `answer` waits for what comes of it."""
        if part not in self.defined:
            self._send(["define", part, pieces])
            fault = self.answer()
            if fault is not None:
                raise ValueError(fault)
            self.defined.add(part)
        self._send(["render", part, values])

    def answer(self) -> Any:
        until = time.monotonic() + WALL_SECONDS
        size = int.from_bytes(self._read(4, until), "big")
        return self._decode(self._read(size, until))

    def close(self) -> None:
        """End it; it holds nothing that could be lost."""
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        self.process.kill()
        self.process.wait()

    def _send(self, message: Any) -> None:
        frame = self._encode(message)
        stdin = self.process.stdin
        assert stdin is not None
        try:
            stdin.write(len(frame).to_bytes(4, "big") + frame)
            stdin.flush()
        except BrokenPipeError:
            raise Died from None

    def _read(self, size: int, until: float) -> bytes:
        parts = []
        while size > 0:
            if not select.select([self.out], [], [], max(0.0, until - time.monotonic()))[0]:
                raise Died
            part = os.read(self.out, min(size, 1 << 20))
            if not part:
                raise Died
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _widen(pipe: int) -> None:
    """A batch in one go instead of many turns between two processes, where the system can."""
    with suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Pool:
    """Workers, started as they are needed. Use it as a context manager, or `close` it."""

    def __init__(self, workers: int = WORKERS) -> None:
        self.most = workers
        self.idle: list[Worker] = []
        self._skeletons: dict[str, dict[str, Skeleton]] = {}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        while self.idle:
            self.idle.pop().close()

    def render(self, batches: Iterable[Batch]) -> list[list[Outcome]]:
        """One outcome for each batch's values, in their order.

        Batches are taken while workers are busy, so a generator overlaps with them. Raises
        ``ValueError`` where the engine refuses a part's source.
        """
        outcomes: list[list[Outcome]] = []
        busy: dict[int, tuple[Worker, int, Batch]] = {}
        rest = iter(batches)
        is_done = False
        try:
            while busy or not is_done:
                while not is_done and len(busy) < self.most:
                    batch = next(rest, None)
                    if batch is None:
                        is_done = True
                        break
                    number = len(outcomes)
                    outcomes.append([])
                    worker = self._take()
                    busy[worker.out] = (worker, number, batch)
                    try:
                        worker.start(batch.part, self._pieces(batch), batch.values)
                    except Died:
                        del busy[worker.out]
                        worker.close()
                        outcomes[number] = self._one_by_one(batch)
                if busy:
                    ready = select.select(list(busy), [], [], WALL_SECONDS)[0] or list(busy)[:1]
                    for descriptor in ready:
                        worker, number, batch = busy[descriptor]
                        try:
                            outcomes[number] = self._whole(batch, worker.answer())
                            self.idle.append(worker)
                            del busy[descriptor]
                        except Died:
                            del busy[descriptor]
                            worker.close()
                            outcomes[number] = self._one_by_one(batch)
        finally:
            for worker, _, _ in busy.values():  # only after an error: none has answered
                worker.close()
        return outcomes

    def _take(self) -> Worker:
        return self.idle.pop() if self.idle else Worker()

    def _pieces(self, batch: Batch) -> dict[str, tuple[str, bool]]:
        """What of the pieces a worker is given."""
        known = self._skeletons.get(batch.part)
        if known is None:
            known = {name: skeleton(source) for name, (source, _) in batch.pieces.items()}
            self._skeletons[batch.part] = known
        return {name: (known[name].source, html) for name, (_, html) in batch.pieces.items()}

    def _whole(self, batch: Batch, answers: list[Outcome]) -> list[Outcome]:
        fills = [known.filled for known in self._skeletons[batch.part].values()]
        return [
            [fill(text) for fill, text in zip(fills, answer, strict=True)]
            if isinstance(answer, list)
            else answer
            for answer in answers
        ]

    def _one_by_one(self, batch: Batch) -> list[Outcome]:
        found: list[Outcome] = []
        deaths = 0
        for values in batch.values:
            if deaths >= DEATHS:
                found.append(STOPPED)
                continue
            worker = self._take()
            try:
                worker.start(batch.part, self._pieces(batch), [values])
                found += self._whole(batch, worker.answer())
                self.idle.append(worker)
            except Died:
                worker.close()
                deaths += 1
                found.append(STOPPED)
        return found
