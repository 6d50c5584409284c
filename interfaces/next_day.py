"""A demo world's next day: what is due is sent to the stand-ins, and they report back.

Everything but the vendors is real: the sender, HTTP, the collector with its signatures, landing.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from sandbox.servers import messaging
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, load
from workspace import clock, durable
from workspace import settings as settings_module
from workspace.settings import Settings, exported

#: Providers of the shipped lanes whose reports need nothing from the outside.
REPORTING = ("sendgrid", "twilio", "telnyx", "onesignal")
OTHERS = ("ses", "fcm")
DAY = timedelta(days=1)
#: When messages of the day are sent: late, so that most of it is due, and early enough to be read.
HOUR = timedelta(hours=20)


@dataclass(frozen=True)
class Day:
    """``delivered`` is what the sender says it did; ``reports`` counts webhooks by provider;
    ``present`` is where the world stands now."""

    delivered: Any
    reports: dict[str, int]
    present: str


def is_demo(settings: Settings) -> bool:
    return settings.paths.default_as_of.exists()


def send(settings: Settings, definitions: Any) -> Day:
    """Send what is due in the evening, bring the stand-ins' reports to landing, and move the
    world's present to the end of the day.

    Raises what `reverse_etl.delivery.service.deliver` raises.
    """
    from dagster_project.delivering import desk as open_desk
    from reverse_etl.delivery.service import deliver

    evening = settings.present() + HOUR
    with ExitStack() as stack:
        desks: dict[str, tuple[ModuleType, Desk]] = {}
        variables = {"MARKETING_STAND_INS": "on"}
        for name in (*REPORTING, *OTHERS):
            standin, its = load(name), Desk(clock=lambda: evening)
            address = stack.enter_context(serving(standin.app(its)))
            desks[name] = standin, its
            variables |= standin.environment(address)
        stack.enter_context(exported(**variables))
        with open_desk(settings, definitions, present=evening) as at_hand:
            delivered = deliver(at_hand)
        present = clock.iso(settings.present() + DAY)
        durable.write(settings.paths.default_as_of, present.encode())
        reports = _report(settings, {name: desks[name] for name in REPORTING})
        with open_desk(settings, definitions) as at_hand:
            at_hand.tail()
            at_hand.export()
    return Day(delivered, reports, present)


def _report(settings: Settings, desks: dict[str, tuple[ModuleType, Desk]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    with ExitStack() as stack:
        port = stack.enter_context(_listening())
        address = f"http://127.0.0.1:{port.getsockname()[1]}"
        secrets = {
            variable: desks[name][0].secret()
            for name, variable in settings_module.webhook_variables().items()
            if name in desks
        }
        stack.enter_context(
            exported(
                MARKETING_WORKSPACE=str(settings.paths.root),
                MARKETING_PUBLIC_URL=address,
                **secrets,
            )
        )
        stack.enter_context(_collecting(port))
        for name, (standin, its) in desks.items():
            statuses = messaging.report(standin, list(its.events()), address)
            refused = [status for status in statuses if status != 200]
            if refused:
                raise RuntimeError(f"the collector refused {name}'s webhooks: {refused[0]}")
            found[name] = len(statuses)
    return {name: count for name, count in found.items() if count}


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener


@contextmanager
def _collecting(listener: socket.socket) -> Iterator[None]:
    """`marketing serve` in a thread of this process; what it took is durable afterwards."""
    import uvicorn

    from interfaces.http import create_app

    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)
