"""The seeded demo world: two verticals, 24 months, files in the sources' own formats.

`generate` writes landing files and, apart from them, the ground truth that only tests and
evaluations read (`sandbox.world.truth`). Start 2024-10-01, fixed end 2026-10-01T00:00:00Z.
"""

from datetime import datetime

from sandbox.world.generate import Summary, generate

#: First instant of the world and its fixed end (exclusive), naive UTC.
START = datetime(2024, 10, 1)
END = datetime(2026, 10, 1)

__all__ = ["END", "START", "Summary", "generate"]
