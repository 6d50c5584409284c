"""The OpenAPI document of the routes that score."""

from __future__ import annotations

from typing import Any

from models_ml.operations.specs import PLANS


def document() -> dict[str, Any]:
    """OpenAPI 3.1, as JSON."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scores", "version": "1"},
        "paths": {"/v1/score/{model}": {"post": _score()}},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "basic"}},
            "schemas": {"Score": _answer(), "Problem": _problem()},
        },
    }


def _score() -> dict[str, Any]:
    problems = {
        "400": "The body is no JSON object.",
        "401": "No key, or an unknown one.",
        "404": "No such model, or it scores nobody of this id.",
        "405": "Not asked by POST.",
        "413": "The body is too large.",
        "422": "The body or a feature is not what the model takes.",
        "503": "No version of the model can be used.",
    }
    return {
        "operationId": "score",
        "summary": "Score one account or contact, or given features, by the model's champion.",
        "security": [{"key": []}],
        "parameters": [
            {
                "name": "model",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "enum": list(PLANS)},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _request()}}},
        "responses": {
            "200": _content("The score.", "Score", "application/json"),
            **{
                code: _content(text, "Problem", "application/problem+json")
                for code, text in problems.items()
            },
        },
    }


def _content(text: str, schema: str, kind: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": text, "content": {kind: {"schema": reference}}}


def _request() -> dict[str, Any]:
    ids = {name: {"type": "string", "minLength": 1} for name in ("contact_id", "account_id")}
    features = {
        "type": "object",
        "description": "Features by name; one that is not given is unknown.",
        "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
    }
    return {
        "oneOf": [
            {
                "type": "object",
                "required": [name],
                "properties": {name: schema},
                "additionalProperties": False,
            }
            for name, schema in {**ids, "features": features}.items()
        ]
    }


def _answer() -> dict[str, Any]:
    contribution = {
        "type": "object",
        "properties": {
            "feature": {"type": "string"},
            "value": {"type": ["number", "string", "null"]},
            "contribution": {"type": "number", "description": "Logit; above 0 raises the score."},
        },
    }
    subject = {"type": {"type": "string"}, "id": {"type": "string"}}
    properties = {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "is_fallback": {
            "type": "boolean",
            "description": "The champion was refused and an earlier version scores.",
        },
        "subject": {"type": ["object", "null"], "properties": subject},
        "features_at": {"type": ["string", "null"], "format": "date-time"},
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "score": {"type": "number", "minimum": 0, "maximum": 100},
        "contributions": {"type": "array", "items": contribution},
        "findings": {"type": "array", "items": {"type": "string"}},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _problem() -> dict[str, Any]:
    properties = {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}
