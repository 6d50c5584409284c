"""Each provider's verifier, made from what is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import requests
from urllib3.exceptions import HTTPError

from ingestion.collector import signatures
from ingestion.collector.deliveries import PROVIDERS
from ingestion.collector.signatures import Verifier
from workspace import tls

_CERTIFICATE_BYTES = 64 << 10


def verifiers(
    secrets: Mapping[str, str],
    twilio_keys: Mapping[str, str],
    fetch: Callable[[str], bytes] | None = None,
) -> dict[str, Verifier]:
    """A verifier a provider; one without its secret refuses. Raises ValueError for a bad key."""
    makers: dict[str, Callable[[str], Verifier]] = {
        "sendgrid": signatures.sendgrid,
        "ses": lambda topics: signatures.sns(
            frozenset(filter(None, map(str.strip, topics.split(",")))), fetch or get
        ),
        "postmark": signatures.basic,
        "brevo": signatures.bearer,
        "twilio": lambda token: signatures.twilio(token, twilio_keys),
        "telnyx": signatures.telnyx,
        "onesignal": signatures.static_header,
        "hubspot": signatures.hubspot,
    }
    found = dict.fromkeys(PROVIDERS, signatures.not_configured)
    for provider, secret in secrets.items():
        try:
            found[provider] = makers[provider](secret)
        except ValueError:
            raise ValueError(f"the webhook key of {provider} is no key of its kind") from None
    return found


def get(url: str) -> bytes:
    """A small file from an address that was checked before. Raises OSError."""
    with (
        tls.mount(requests.Session()) as session,
        session.get(url, timeout=5, allow_redirects=False, stream=True) as answer,
    ):
        if answer.status_code != 200:
            raise OSError(f"{answer.status_code} from {url.partition('?')[0]}")
        try:
            return answer.raw.read(_CERTIFICATE_BYTES)
        except HTTPError as error:
            raise OSError(str(error)) from None


def confirm(url: str) -> None:
    """Visit the address that confirms a subscription. Raises OSError."""
    get(url)
