"""Delivery providers by name: one module each, with ``NAME``, ``CAPABILITIES``, ``SECRETS`` and
``make``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

from reverse_etl.delivery.protocol import Capabilities, Provider
from reverse_etl.delivery.transport import Transport

#: In the order of the README's table.
NAMES = (
    *("sendgrid", "ses", "postmark", "brevo", "smtp"),
    *("twilio", "telnyx"),
    *("fcm", "onesignal"),
    *("webhook", "console", "memory", "file"),
)


class NotConfigured(ValueError):
    """A provider lacks a secret; the message names the variables."""


def load(name: str) -> ModuleType:
    """The module of a provider. Raises ``KeyError`` for a name that is none."""
    if name not in NAMES:
        raise KeyError(name)
    return import_module(f"reverse_etl.delivery.providers.{name}")


def capabilities(name: str) -> Capabilities:
    found: Capabilities = load(name).CAPABILITIES
    return found


def make(
    name: str,
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Provider:
    """A provider with its secrets (``environment``: variables by name) and its options of
    ``providers.yml``.

    Raises :class:`NotConfigured` without its secrets, ``ValueError`` for an option it has not.
    """
    module = load(name)
    missing = [variable for variable in module.SECRETS if not environment.get(variable)]
    if missing:
        raise NotConfigured(f"{name} needs {', '.join(missing)}")
    unknown = sorted(set(options) - set(module.OPTIONS))
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}")
    provider: Provider = module.make(environment, options, transport)
    return provider
