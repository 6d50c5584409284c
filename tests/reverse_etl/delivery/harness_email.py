"""How the providers of e-mail, and those that keep messages here, are tested."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType

from reverse_etl.delivery.protocol import Kind
from sandbox.servers import brevo_email, postmark, sendgrid, ses, smtp
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk, Fate, Trouble
from tests.reverse_etl.delivery.harness import KINDS, Harness

Serve = Callable[[Desk], AbstractContextManager[Mapping[str, str]]]


def over_http(standin: ModuleType) -> Serve:
    @contextmanager
    def serve(desk: Desk) -> Iterator[Mapping[str, str]]:
        with serving(standin.app(desk)) as url:
            yield standin.environment(url)

    return serve


@contextmanager
def over_smtp(desk: Desk) -> Iterator[Mapping[str, str]]:
    with smtp.serving(desk) as port:
        yield {"MARKETING_SMTP_HOST": "127.0.0.1", "MARKETING_SMTP_PORT": str(port)}


@contextmanager
def in_folder(desk: Desk) -> Iterator[Mapping[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield {"MARKETING_FILE_FOLDER": str(Path(folder) / "sent")}


@contextmanager
def nowhere(desk: Desk) -> Iterator[Mapping[str, str]]:
    yield {}


def closed(standin: ModuleType) -> Callable[[int], Mapping[str, str]]:
    return lambda port: standin.environment(f"http://127.0.0.1:{port}")


_SMTP = (Trouble.THROTTLED, Trouble.DENIED, Trouble.PERMANENT)
_SMTP_LOST = (Trouble.HANG, Trouble.RESET, Trouble.TRUNCATED, Trouble.EMPTY)

HARNESSES = (
    Harness(
        "sendgrid",
        over_http(sendgrid),
        standin=sendgrid,
        refused={Fate.INVALID: Kind.INVALID},
        wrong={"MARKETING_SENDGRID_KEY": "SG.wrong"},
        closed=closed(sendgrid),
    ),
    Harness(
        "ses",
        over_http(ses),
        standin=ses,
        refused={Fate.INVALID: Kind.REJECTED},
        wrong={"MARKETING_SES_SECRET_KEY": "wrong"},
        closed=closed(ses),
        options={"configuration_set": "marketing"},
    ),
    Harness(
        "postmark",
        over_http(postmark),
        standin=postmark,
        refused={Fate.INVALID: Kind.INVALID, Fate.SUPPRESSED: Kind.SUPPRESSED},
        wrong={"MARKETING_POSTMARK_TOKEN": "wrong"},
        closed=closed(postmark),
    ),
    Harness(
        "brevo",
        over_http(brevo_email),
        standin=brevo_email,
        refused={Fate.INVALID: Kind.REJECTED},
        wrong={"MARKETING_BREVO_KEY": "wrong"},
        closed=closed(brevo_email),
    ),
    Harness(
        "smtp",
        over_smtp,
        kinds={trouble: KINDS[trouble] for trouble in (*_SMTP, *_SMTP_LOST)},
        refused={Fate.INVALID: Kind.INVALID, Fate.SUPPRESSED: Kind.REJECTED},
        closed=lambda port: {
            "MARKETING_SMTP_HOST": "127.0.0.1",
            "MARKETING_SMTP_PORT": str(port),
        },
    ),
    Harness("console", nowhere, kinds={}),
    Harness("memory", nowhere, kinds={}),
    Harness("file", in_folder, kinds={}),
)
