"""Loads a model in a process of its own, with little memory and time, before the caller does.

    python -m models_ml.registry.probe MEMORY_BYTES CPU_SECONDS < model.skops

Prints the model's features as JSON, or what is wrong as ``fault: detail`` (exit 1). What a file
does to a process that parses it (memory, endless loops, a crash of native code) it does to this
one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys

from models_ml.registry import artefact
from models_ml.registry.artefact import Fault, NotLoaded
from workspace.paths import PROJECT

#: numpy, scipy and scikit-learn map about 1.5 GB of addresses before a model is read.
MEMORY_BYTES = 3 << 30
CPU_SECONDS = 60
WALL_SECONDS = 120.0


def probe(data: bytes) -> list[str]:
    """The features of a model that loads. Raises :class:`NotLoaded`."""
    command = [sys.executable, "-m", __name__, str(MEMORY_BYTES), str(CPU_SECONDS)]
    # One thread of linear algebra: each maps memory of its own.
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            input=data,
            capture_output=True,
            timeout=WALL_SECONDS,
            cwd=PROJECT,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        detail = f"did not load in {WALL_SECONDS:g} s"
        raise NotLoaded(Fault.TOO_LARGE, detail) from None
    told = done.stdout.decode(errors="replace").strip()
    if done.returncode == 0:
        return json.loads(told)
    fault, _, detail = told.partition(": ")
    if fault in list(Fault):
        raise NotLoaded(Fault(fault), detail)
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    detail = f"ended its process with {done.returncode}"
    raise NotLoaded(Fault.UNREADABLE, f"{detail}: {last[0][:200]}" if last else detail)


def main(arguments: list[str]) -> int:
    memory, seconds = map(int, arguments)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))
    try:
        fitted = artefact.loads(sys.stdin.buffer.read())
        _ = fitted.additive
        print(json.dumps(list(fitted.features)))
    except NotLoaded as fault:
        print(fault)
        return 1
    except MemoryError:
        print(NotLoaded(Fault.TOO_LARGE, f"needs more than {memory:,} bytes"))
        return 1
    except Exception as error:  # what loads may still be none of ours
        print(NotLoaded(Fault.UNREADABLE, f"{type(error).__name__}: {error}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
