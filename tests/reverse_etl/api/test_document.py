"""What the API's own document promises, tried by Schemathesis: every answer is one it names."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from reverse_etl.api.access import Door
from reverse_etl.api.app import create
from tests.reverse_etl.api.conftest import KEYS
from workspace.limiter import Limiter
from workspace.paths import Paths

ROUNDS = 1000 if os.environ.get("MARKETING_TORTURE") else 25
#: A cursor is a text to the document, and yet not every text is one.
EXCEPT = [positive_data_acceptance]
DPO = {"Authorization": "Bearer key of dpo"}


@pytest.fixture(scope="module")
def operations(shared: Paths) -> list[Any]:
    app = create(shared, KEYS, Door(KEYS, Limiter.unlimited))
    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    return [found.ok() for found in document.get_all_operations()]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_the_document_names(
    operations: list[Any], mode: GenerationMode
) -> None:
    assert len(operations) == 16
    for operation in operations:
        tried(operation, mode)


def tried(operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=ROUNDS, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        case.call_and_validate(headers=DPO, excluded_checks=EXCEPT)

    asked()
