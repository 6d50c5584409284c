"""Scores one by one over HTTP: ``POST /v1/score/<model>``.

The champion that scores in a run scores here, by the same call, so the same facts give the same
score. A subject is scored by its published features; whom the last run did not score (who objects
to profiling, has converted, pays nothing) is not scored here either. ``docs/models-operating.md``
has the requests and answers, ``/v1/openapi.json`` their schema.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models_ml.operations import frames, records
from models_ml.operations.specs import PLANS, Plan
from models_ml.registry import decisions as deciding
from models_ml.registry import store
from models_ml.registry.store import Loaded, Usable
from models_ml.supervised.faults import Refused
from models_ml.supervised.scoring import score
from models_ml.supervised.spec import SNAPSHOT, ModelSpec
from workspace.clock import iso
from workspace.definitions.models import Models
from workspace.identifiers import Keyring
from workspace.lake import Lake

MAX_BODY_BYTES = 65_536
#: After so long a version that was refused, or a champion that was missing, is looked for again.
RETRY_SECONDS = 60
#: Model, subject type and id -> the row of its features, or None.
Ask = Callable[[str, str, str], pa.Table | None]
_ONE_OF = ("contact_id", "account_id", "features")


class Problem(Exception):
    """An answer of RFC 9457: ``kind`` is stable, ``detail`` is for people."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail

    @property
    def response(self) -> Response:
        body = {"type": f"/problems/{self.kind}", "status": self.status, "detail": self.detail}
        headers = {"www-authenticate": 'Basic realm="score"'} if self.status == 401 else None
        return JSONResponse(
            body, self.status, headers=headers, media_type="application/problem+json"
        )


class Desk:
    """Answers requests for scores. ``keys`` are those that may ask; without any nobody may.
    ``clock`` counts seconds, from any moment."""

    def __init__(
        self,
        lake: Lake,
        keyring: Keyring,
        definitions: Models,
        present: Callable[[], datetime],
        ask: Ask,
        keys: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lake, self._keyring, self._definitions = lake, keyring, definitions
        self._present, self._ask = present, ask
        self._keys = [key.encode() for key in keys]
        self._clock = clock
        #: By model: what scores, and when that is looked up again.
        self._known: tuple[int, dict[str, tuple[Usable, float]]] = (-1, {})

    async def score(self, request: Request) -> Response:
        """The route: a POST with a JSON body."""
        try:
            if request.method != "POST":
                raise Problem(405, "method", "scores are asked for by POST")
            self._authorize(request.headers.get("authorization"))
            plan = self._plan(request.path_params["model"])
            given = _body(await _read(request))
            answer = await run_in_threadpool(self.answer, plan, given)
        except Problem as problem:
            return problem.response
        return JSONResponse(answer)

    def answer(self, plan: Plan, given: dict[str, Any]) -> dict[str, Any]:
        """Score what a request gives. Raises :class:`Problem`."""
        usable = self._usable(plan)
        loaded = usable.loaded
        if loaded is None:
            unseen = records.unseen(self._lake, plan.name, self._present())
            told = usable.told or unseen or f"{plan.name} has no champion"
            raise Problem(503, "no_model", told)
        frame, subject = self._frame(plan, loaded, given)
        try:
            scored, findings = score(
                loaded.spec, loaded.fitted, frame, self._definitions.scoring.contributions
            )
        except Refused as error:
            # Published features that the version does not take are no fault of who asks.
            fault = (422, "features") if subject is None else (503, "no_model")
            raise Problem(*fault, str(error)) from None
        row = scored.row(0, named=True)
        at = frame[SNAPSHOT][0] if SNAPSHOT in frame.columns else None
        return {
            "model": plan.name,
            "version": loaded.version,
            "is_fallback": usable.is_fallback,
            "subject": subject,
            "features_at": None if at is None else iso(at),
            "probability": row["probability"],
            "score": row["score"],
            "contributions": json.loads(row["contributions"]),
            "findings": [f"{one.subject} {one.detail}" for one in findings],
        }

    def _authorize(self, given: str | None) -> None:
        kind, _, text = (given or "").partition(" ")
        try:
            name = base64.b64decode(text, validate=True).partition(b":")[0]
        except (binascii.Error, ValueError):
            name = b""
        if kind.lower() != "basic" or not name:
            raise Problem(401, "key", "send a key of MARKETING_SCORE_KEYS as Basic user name")
        if not any([hmac.compare_digest(name, key) for key in self._keys]):
            raise Problem(401, "key", "unknown key")

    def _plan(self, model: str) -> Plan:
        if model not in self._definitions.enabled:
            known = ", ".join(self._definitions.enabled)
            raise Problem(404, "model", f"no model {model[:64]!r} (one of {known})")
        return PLANS[model]

    def _usable(self, plan: Plan) -> Usable:
        """The model that scores: looked up again when a decision was made, and after a while where
        not all went well."""
        stamp = len(self._lake.entries(records.DECISIONS))
        if self._known[0] != stamp:
            self._known = (stamp, {})
        known = self._known[1]
        found, until = known.get(plan.name, (None, 0.0))
        if found is None or self._clock() >= until:
            decided = records.decisions(self._lake, self._present())
            line = deciding.succession(decided, plan.name)
            found = store.usable(records.registry(self._lake), plan.name, line, self._keyring)
            is_whole = found.loaded is not None and not found.refused
            known[plan.name] = found, math.inf if is_whole else self._clock() + RETRY_SECONDS
        return found

    def _frame(
        self, plan: Plan, loaded: Loaded, given: dict[str, Any]
    ) -> tuple[pl.DataFrame, dict[str, str] | None]:
        named = [name for name in _ONE_OF if name in given]
        unknown = sorted(given.keys() - set(_ONE_OF))
        if len(named) != 1 or unknown:
            raise Problem(422, "body", f"give one of {', '.join(_ONE_OF)}, and nothing else")
        if named == ["features"]:
            return _given(loaded.spec, given["features"]), None
        if named != [plan.subject_id]:
            raise Problem(422, "body", f"{plan.name} scores by {plan.subject_id}")
        ident = given[plan.subject_id]
        if not isinstance(ident, str) or not ident:
            raise Problem(422, "body", f"{plan.subject_id} is a text")
        row = self._ask(plan.name, plan.subject, ident)
        if row is None:
            raise Problem(404, "subject", f"{plan.name} scores no {plan.subject} of this id")
        return frames.of_arrow(row), {"type": plan.subject, "id": ident}


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Problem(413, "size", f"a body has at most {MAX_BODY_BYTES:,} bytes")
    return body


def _body(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Problem(400, "json", "a text of the body has half of a surrogate pair") from None
    except (ValueError, RecursionError):
        raise Problem(400, "json", "the body is no JSON") from None
    if not isinstance(found, dict):
        raise Problem(400, "json", "the body is no JSON object")
    return found


def _given(spec: ModelSpec, features: Any) -> pl.DataFrame:
    """A row of the features in a request; those that are not given are unknown."""
    if not isinstance(features, dict):
        raise Problem(422, "features", "features is an object of names and values")
    unknown = sorted(features.keys() - set(spec.features))
    if unknown:
        raise Problem(422, "features", f"no feature {unknown[0][:64]!r} in this model")
    row: dict[str, Any] = {spec.subject_id: "given"}
    for name in spec.features:
        value = features.get(name)
        is_text = name in spec.categorical
        right = isinstance(value, str) if is_text else _is_number(value)
        if value is not None and not right:
            kind = "a text" if is_text else "a finite number"
            raise Problem(422, "features", f"{name} is {kind} or null")
        row[name] = value if is_text or value is None else float(value)
    schema = {name: pl.String if name in spec.categorical else pl.Float64 for name in row}
    return pl.DataFrame([row], schema={**schema, spec.subject_id: pl.String})


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, bool | int | float) and math.isfinite(value)
    except OverflowError:
        return False
