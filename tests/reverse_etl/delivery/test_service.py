"""What a delivery is set up with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from reverse_etl.delivery.service import Desk
from workspace.definitions.providers import Providers
from workspace.identifiers import Keyring


def desk(environment: Mapping[str, str], options: Mapping[str, str]) -> Desk:
    found = Providers.model_validate({"providers": {"postmark": {"options": options}}})
    nothing: Any = None
    return Desk(
        *(nothing, nothing, Path("."), Path(".")),
        cast(Any, SimpleNamespace(providers=found)),
        Keyring(b"a pepper for tests"),
        environment,
        lambda: datetime(2026, 10, 1),
    )


def test_a_paused_provider_is_asked_again_when_what_it_is_asked_with_changes() -> None:
    """A key, an address and an option may each be why it refused us."""
    environment = {"MARKETING_POSTMARK_TOKEN": "a", "MARKETING_POSTMARK_URL": "https://a.example"}
    options = {"message_stream": "a"}
    first = desk(environment, options).fingerprint("postmark")
    assert desk(dict(environment), dict(options)).fingerprint("postmark") == first
    assert desk(environment | {"MARKETING_TWILIO_URL": "x"}, {}).fingerprint("twilio") != first
    others = {
        *(desk(environment | {name: "b"}, options).fingerprint("postmark") for name in environment),
        desk(environment, {"message_stream": "b"}).fingerprint("postmark"),
        desk(environment, {}).fingerprint("postmark"),
    }
    assert len(others) == 4 and first not in others
