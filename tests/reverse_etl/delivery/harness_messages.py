"""How the providers of text messages, push and webhooks are tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from json import dumps
from types import ModuleType

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reverse_etl.delivery.protocol import Kind
from sandbox.servers import fcm, onesignal, telnyx, twilio, webhook
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, Fate, Trouble
from tests.reverse_etl.delivery.harness import KINDS, Harness
from tests.reverse_etl.delivery.harness_email import Serve, closed, over_http

PUBLIC_URL = "https://hooks.example.com"
_PLACES = {fate: place for place, fate in enumerate(Fate, 1)}


def by_number(fate: Fate) -> str:
    return f"+3361234{_PLACES[fate]:04d}"


def by_device(fate: Fate) -> str:
    return f"device-{_PLACES[fate]:04d}"


def called_back(standin: ModuleType) -> Serve:
    """With the address at which we can be called."""

    @contextmanager
    def serve(desk: Desk) -> Iterator[Mapping[str, str]]:
        with serving(standin.app(desk)) as url:
            yield {**standin.environment(url), "MARKETING_PUBLIC_URL": PUBLIC_URL}

    return serve


@cache
def another_account() -> str:
    """A service account of the same name with another key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return dumps({**fcm.service_account(), "private_key": pem.decode()})


#: A receiver says yes by its status alone.
_ANY_BODY = {Trouble.EMPTY, Trouble.NO_ID, Trouble.HTML, Trouble.TRUNCATED}

HARNESSES = (
    Harness(
        "twilio",
        called_back(twilio),
        channel="sms",
        standin=twilio,
        destination=by_number,
        refused={Fate.INVALID: Kind.INVALID, Fate.SUPPRESSED: Kind.SUPPRESSED},
        wrong={"MARKETING_TWILIO_AUTH_TOKEN": "wrong"},
        closed=closed(twilio),
    ),
    Harness(
        "telnyx",
        called_back(telnyx),
        channel="sms",
        standin=telnyx,
        destination=by_number,
        refused={Fate.INVALID: Kind.INVALID, Fate.SUPPRESSED: Kind.SUPPRESSED},
        wrong={"MARKETING_TELNYX_KEY": "wrong"},
        closed=closed(telnyx),
        tells_replays=False,
    ),
    Harness(
        "fcm",
        over_http(fcm),
        channel="push",
        standin=fcm,
        destination=by_device,
        refused={Fate.INVALID: Kind.INVALID},
        wrong={"MARKETING_FCM_SERVICE_ACCOUNT": another_account()},
        closed=closed(fcm),
    ),
    Harness(
        "onesignal",
        over_http(onesignal),
        channel="push",
        standin=onesignal,
        destination=by_device,
        refused={Fate.INVALID: Kind.INVALID, Fate.SUPPRESSED: Kind.SUPPRESSED},
        wrong={"MARKETING_ONESIGNAL_KEY": "wrong"},
        closed=closed(onesignal),
    ),
    Harness(
        "webhook",
        over_http(webhook),
        channel="webhook",
        destination=lambda fate: f"crm-{fate.value}",
        kinds={trouble: kind for trouble, kind in KINDS.items() if trouble not in _ANY_BODY},
        wrong={"MARKETING_WEBHOOK_SECRET": "whsec_" + "A" * 32},
        closed=closed(webhook),
        tells_replays=False,
    ),
)
