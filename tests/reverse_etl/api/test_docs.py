"""The page that shows the API, and the document that it reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from reverse_etl.api import app

STATIC = Path(app.__file__).parent / "static"


def test_the_document_tells_all(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1") and len(document["paths"]) == 16
    assert {one["scheme"] for one in document["components"]["securitySchemes"].values()} == {
        "basic",
        "bearer",
    }
    for path, methods in document["paths"].items():
        assert list(methods) == ["get"], path
        one = methods["get"]
        assert one["description"] and {"200", "401", "403", "422", "429", "503"} <= set(
            one["responses"]
        )
        for parameter in one.get("parameters", []):
            assert parameter.get("description"), (path, parameter["name"])
        assert "ProblemDetails" in str(one["responses"]["422"])
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)
    for name in set(re.findall(r"#/components/schemas/([^'\"]+)", str(document))):
        assert name in schemas
    for name, schema in schemas.items():
        for field, told in schema.get("properties", {}).items():
            assert told.get("description"), (name, field)


@pytest.mark.parametrize("name", ["docs", "docs.js", "docs.css", "openapi.json"])
def test_the_page_asks_nobody_else(client: TestClient, name: str) -> None:
    answer = client.get(f"/api/v1/{name}", headers={"authorization": ""})
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "http://" not in answer.text and "https://" not in answer.text


def test_the_page_writes_no_markup() -> None:
    text = (STATIC / "docs.js").read_text()
    assert "innerHTML" not in text and "insertAdjacent" not in text and "document.write" not in text
    page = (STATIC / "docs.html").read_text()
    assert "<style" not in page and not re.search(r"\son\w+=", page)
    assert not re.search(r"<script(?! src=)", page)
