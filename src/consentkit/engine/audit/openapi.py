"""The description of the interface (OpenAPI 3.1), made of the parameters that it really reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consentkit.engine.audit.queries import EXPORT, LIST, STATISTICS, Parameter
from consentkit.log.event import ACTIONS
from consentkit.log.export import COLUMNS

__all__ = ["description"]

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_CHOICES = {"type": "object", "additionalProperties": {"enum": ["granted", "denied"]}}
_FIELDS: dict[str, Any] = {
    **dict.fromkeys(COLUMNS, _TEXT),
    "seq": _COUNT,
    "action": {"enum": list(ACTIONS)},
    "outcome": _CHOICES,
    "services": _CHOICES,
    "fingerprints": {"type": "object", "additionalProperties": _TEXT},
    "gpc": {"type": "boolean"},
    "redacted": {"type": "boolean"},
}
_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


def description(url: str) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        url: where the interface is.
    """
    record = {"name": "id", "in": "path", "required": True, "schema": {**_TEXT, "pattern": _ID}}
    digest = {**_TEXT, "pattern": "^[0-9a-f]{64}$"}
    notice = {"name": "hash", "in": "path", "required": True, "schema": digest}
    wait = {"429": _failed("Too soon")}
    missing = {"404": _failed("There is none")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The consent log, for auditors",
            "version": "1",
            "description": "Every read of personal rows is written down on the server.",
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": {
            "/records": _get("List records", _json("Records"), query=LIST),
            "/records/{id}": _get("Show a record", _json("Leaf"), path=[record], more=missing),
            "/records/{id}/proof": _get(
                "Prove that a record is in the log", _json("Proof"), path=[record], more=missing
            ),
            "/notices/{hash}": _get("Show a notice", _json("Notice"), path=[notice], more=missing),
            "/statistics": _get("Count choices", _json("Statistics"), query=STATISTICS),
            "/verification": {
                **_get("How verification stands", _json("Verification")),
                "post": _operation(
                    "Verify the log", {"202": _told("Started", _json("Verification")), **wait}
                ),
            },
            "/checkpoint": _get("Size and root of the log", {"text/plain": {"schema": _TEXT}}),
            "/export": _get(
                "Export records (role export)",
                {
                    kind: {"schema": {}}
                    for kind in ("text/csv", "application/jsonl", "application/zip")
                },
                query=EXPORT,
            ),
            "/forget": {
                "post": {
                    **_operation(
                        "Erase a visitor's personal fields (role erase)",
                        {"200": _told("Done", _json("Erased"))},
                    ),
                    "requestBody": {"required": True, "content": _json("Visitor")},
                }
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(digest),
        },
    }


def _schemas(digest: dict[str, Any]) -> dict[str, Any]:
    leaf = {"leaf": _TEXT, "salt": _TEXT, "personal": _TEXT}
    count = {**dict.fromkeys(("period", "value", "category", "state"), _TEXT), "number": _COUNT}
    result = {
        "whole": {"type": "boolean"},
        "size": _COUNT,
        "root": digest,
        "redacted": _COUNT,
        "pruned": _COUNT,
        "faults": _list(_object({"seq": {"type": ["integer", "null"]}, "why": _TEXT})),
    }
    maybe_text = {"type": ["string", "null"]}
    statistics = {
        "by": _TEXT,
        "step": _TEXT,
        "size": _COUNT,
        "counted": _COUNT,
        "counts": _list(_object(count)),
    }
    verification = {
        "running": {"type": "boolean"},
        "seen": _COUNT,
        "finished": maybe_text,
        "error": maybe_text,
        "result": {"anyOf": [{"type": "null"}, _object(result)]},
    }
    proof = {
        "format": _TEXT,
        "record": _object({**_FIELDS, **leaf}),
        "path": _list(digest),
        "checkpoint": _TEXT,
        "vkeys": _list(_TEXT),
    }
    visitor = {"type": "string", "pattern": "^[!-~]{1,128}$"}
    return {
        "Record": _object(_FIELDS),
        "Leaf": _object({**_FIELDS, **leaf}),
        "Records": _object({"records": _list(_object(_FIELDS)), "next": maybe_text}),
        "Proof": _object(proof),
        "Notice": _object({"hash": digest, "language": _TEXT, "html": _TEXT}),
        "Statistics": _object(statistics),
        "Verification": _object(verification),
        "Visitor": _object({"consent_id": visitor}),
        "Erased": _object({"erased": _COUNT}),
        "Error": _object({"error": _TEXT}),
    }


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _told(text: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": content}


def _failed(text: str) -> dict[str, Any]:
    return _told(text, _json("Error"))


def _get(
    summary: str,
    content: dict[str, Any],
    *,
    query: Iterable[Parameter] = (),
    path: Iterable[dict[str, Any]] = (),
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    operation = _operation(summary, {"200": _told("Found", content), **(more or {})})
    parameters = [
        {"name": p.name, "in": "query", "description": p.text, "schema": p.schema} for p in query
    ]
    return {"get": {**operation, "parameters": [*path, *parameters]}}


def _operation(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    always = {
        "400": _failed("What was asked makes no sense"),
        "401": _failed("No token, or a wrong one"),
        "403": _failed("The token's role does not allow it"),
        "429": _failed("Too many wrong tokens"),
        "503": _failed("The log cannot be read now"),
    }
    return {"summary": summary, "responses": {**always, **responses}}
