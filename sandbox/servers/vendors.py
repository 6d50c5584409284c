"""Every stand-in, by the name of its source."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

NAMES = ("calendly",)


def load(name: str) -> ModuleType:
    return import_module(f"sandbox.servers.{name}")
