"""`python -m benchmarks [NAME…]`: every benchmark, each with its peer in the same run."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> None:
    known = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    chosen = names or [name for name in known if not name.startswith("_")]
    for name in chosen:
        if name not in known:
            raise SystemExit(f"no benchmark {name!r}; there are {', '.join(known)}")
        print(f"== {name}")
        importlib.import_module(f"benchmarks.{name}").main([])


if __name__ == "__main__":
    main(sys.argv[1:])
