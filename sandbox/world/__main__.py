"""`python -m sandbox.world DIRECTORY [--size S|M] [--seed N] [--profile calibrated|churn]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sandbox.world.generate import generate


def main() -> None:
    """Generate one world and print its files."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.world", description=__doc__)
    parser.add_argument("directory", type=Path, help="receives <kind>/... files")
    parser.add_argument("--size", default="S", choices=["S", "M"])
    parser.add_argument("--seed", default=7, type=int)
    parser.add_argument("--profile", default="calibrated", choices=["calibrated", "churn"])
    parser.add_argument("--truth", type=Path, help="default: DIRECTORY/../truth")
    args = parser.parse_args()
    summary = generate(args.directory, args.size, args.seed, args.profile, args.truth)
    for name in sorted(summary.rows):
        print(f"{summary.rows[name]:>12,} rows {summary.sizes[name]:>14,} bytes  {name}")


if __name__ == "__main__":
    main()
