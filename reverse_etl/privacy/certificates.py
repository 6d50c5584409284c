"""The certificate of an erasure: what was done, when and with what result, and no identifier.

It is signed with the workspace's pepper: whoever has that can prove that the certificate is one of
this workspace and was not changed. The ledger keeps its digest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reverse_etl.privacy.open_work import FOLDER
from workspace import durable
from workspace.clock import iso
from workspace.identifiers import Keyring
from workspace.ledger.privacy_requests import Request
from workspace.paths import Paths

_KIND = "erasure-certificate"


class NotGenuine(ValueError):
    """A certificate that this workspace did not sign, or that was changed since."""


@dataclass(frozen=True)
class Certificate:
    """A certificate's file, and its SHA-256 in hex."""

    path: Path
    digest: str


def write(
    paths: Paths, keyring: Keyring, request: Request, facts: Mapping[str, Any], at: datetime
) -> Certificate:
    """Sign what was done for a request; JSON, and a text beside it that people read."""
    body = {
        "kind": _KIND,
        "request_id": request.request_id,
        "subject_key": request.subject_key,
        "requested_at": iso(request.requested_at),
        "due_at": iso(request.due_at),
        "finished_at": iso(at),
        **facts,
    }
    signed = {**body, "signature": keyring.seal(_canonical(body))}
    data = json.dumps(signed, indent=1, sort_keys=True).encode() + b"\n"
    folder = durable.make_folder(paths.root / FOLDER / "certificates", mode=0o700)
    path = folder / f"{request.request_id}.json"
    durable.write(path, data, mode=0o600)
    durable.write(path.with_suffix(".txt"), _text(body).encode(), mode=0o600)
    return Certificate(path, hashlib.sha256(data).hexdigest())


def verify(path: Path, keyring: Keyring) -> dict[str, Any]:
    """What a certificate says. Raises :class:`NotGenuine`."""
    try:
        signed = json.loads(path.read_bytes())
        signature = signed.pop("signature")
    except (OSError, ValueError, AttributeError, KeyError):
        raise NotGenuine(f"{path} is no certificate") from None
    if signed.get("kind") != _KIND or not isinstance(signature, str):
        raise NotGenuine(f"{path} is no certificate of an erasure")
    if not hmac.compare_digest(signature.encode(), keyring.seal(_canonical(signed)).encode()):
        raise NotGenuine(f"{path} was changed, or another workspace signed it")
    found: dict[str, Any] = signed
    return found


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _text(body: Mapping[str, Any]) -> str:
    scan = body["scan"]
    lines = [
        "Certificate of erasure",
        "",
        f"request      {body['request_id']}",
        f"subject      {body['subject_key']} (keyed hash)",
        f"requested    {body['requested_at']}, due {body['due_at']}",
        f"finished     {body['finished_at']}",
        f"scan         {scan['files']} files, {scan['bytes']} bytes: {scan['hits']} places found",
        "",
        "What was changed or removed, in the batch of the request:",
    ]
    for step, counts in body["steps"].items():
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        lines.append(f"  {step:10} {told or 'nothing'}")
    lines += ["", "Asked to forget the person, too:"]
    for place in body["forwards"]:
        lines.append(f"  {place['destination']:20} {place['action']:16} {place['state']}")
    return "\n".join(lines) + "\n"
