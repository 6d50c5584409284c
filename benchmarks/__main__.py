"""`python -m benchmarks [--size S|M] [NAME…]`: every benchmark, each with its peer in the same run.

The size is that of the demo world in `refresh`; the others say their own.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> None:
    size = []
    if names[:1] == ["--size"]:
        size, names = names[:2], names[2:]
    known = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    chosen = names or [name for name in known if not name.startswith("_")]
    for name in chosen:
        if name not in known:
            raise SystemExit(f"no benchmark {name!r}; there are {', '.join(known)}")
        print(f"== {name}")
        importlib.import_module(f"benchmarks.{name}").main(size if name == "refresh" else [])


if __name__ == "__main__":
    main(sys.argv[1:])
