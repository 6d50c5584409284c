"""The outside world in a box: a seeded demo world and local stand-ins for vendors.

Nothing of the pipeline may import this package, so that no truth can leak into it; the package
itself imports `workspace` only.
"""
