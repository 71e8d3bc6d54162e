"""The OpenAPI document, made of the operations. Source: spec.openapis.org/oas/v3.1.1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from pydantic import BaseModel, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from actors import errors
from actors.errors import Category
from actors.records.models import Part
from serve.reporting.operation import Fault, Operation, Parameter, Schema, Shape

_REF: Final = "#/components/schemas/{}"
_ABOUT: Final = (
    "Records, reports and the control of a gateway. Names are camelCase, enumerations kebab-case, moments "
    "ISO 8601 in UTC, shares ratios from 0 to 1. A list's nextCursor is the cursor of its next page. Every "
    "fault is an application/problem+json (RFC 9457) with a stable code and a sentence on what to do."
)
_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a JSON Web Token."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "lumilink_session", "description": "The console's."},
}

_SNAKE: Final = re.compile(r"``([^`]+)``")


class _Generator(GenerateJsonSchema):
    """Members' names say what they are: no titles made of them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


class Problem(Part):
    """What went wrong (RFC 9457), with a stable code and a sentence on what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    category: Category
    retryable: bool
    recovery: str
    retry_after: float | None = Field(default=None, description="Seconds.")


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """The document of these operations."""
    every = list(operations)
    paths: dict[str, dict[str, Any]] = {}
    references, schemas = _schemas(every)
    for operation in every:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.1",
        "info": {"title": "LumiLink", "version": version, "description": _ABOUT},
        "security": [{name: []} for name in _SECURITY],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": dict(_SECURITY)},
    }


def _operation(operation: Operation, references: Mapping[type, Schema]) -> dict[str, Any]:
    answer = operation.answer
    good: dict[str, Any] = {"description": answer.description}
    if answer.shape is not None:
        schema = _reference(answer.shape, references)
        good["content"] = {media_type: {"schema": schema} for media_type in answer.media_types}
    if answer.has_etag:
        good["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}}
    responses = {str(answer.status): good}
    if answer.has_etag:
        responses["304"] = {"description": "It has not changed since it had the ETag of If-None-Match."}
    responses |= _problems(operation.all_faults)
    found: dict[str, Any] = {
        "operationId": _name(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [_parameter(one) for one in operation.parameters],
        "responses": responses,
    }
    if operation.details:
        found["description"] = operation.details
    if operation.body is not None:
        body = _reference(operation.body, references)
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if operation.right is None:
        found["security"] = []
    else:
        found["x-right"] = operation.right.value
    return found


def _problems(faults: Iterable[Fault]) -> dict[str, Any]:
    """The answers to faults by their status, and one for all others."""
    by_status: dict[str, list[str]] = {}
    for fault in faults:
        by_status.setdefault(str(fault.http_status), []).append(fault.code)
    told = {status: " or ".join(f"`{code}`" for code in codes) for status, codes in sorted(by_status.items())}
    told["default"] = "Anything else that is wrong."
    content = {"application/problem+json": {"schema": {"$ref": _REF.format("Problem")}}}
    return {status: {"description": text, "content": content} for status, text in told.items()}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "path" if parameter.is_path else "query",
        "required": parameter.is_path,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _name(operation: Operation) -> str:
    """Such as ``getSessionsByIdTimeline``."""
    words = re.findall(r"\{?\w+", operation.path.removeprefix("/api/v1"))
    spelled = (f"By{word[1:2].upper()}{word[2:]}" if word[0] == "{" else word.capitalize() for word in words)
    return operation.method.lower() + "".join(spelled)


def _reference(shape: Shape, references: Mapping[type, Schema]) -> Schema:
    return references[shape] if isinstance(shape, type) else shape


def _schemas(operations: Iterable[Operation]) -> tuple[dict[type, Schema], dict[str, Any]]:
    """The reference of each shape, and what they refer to."""
    named = [shape for one in operations for shape in (one.answer.shape, one.body) if isinstance(shape, type)]
    models = [shape for shape in dict.fromkeys([*named, Problem]) if issubclass(shape, BaseModel)]
    structs = [shape for shape in dict.fromkeys(named) if issubclass(shape, Struct)]
    keys, defined = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template=_REF.format("{model}"),
        schema_generator=_Generator,
    )
    found, components = msgspec.json.schema_components(structs, ref_template=_REF.format("{name}"))
    references: dict[type, Schema] = {**dict(zip(structs, found, strict=True))}
    references |= {model: keys[model, "serialization"] for model in models}
    others = defined.get("$defs", {})
    for name in others.keys() & components.keys():
        if not _is_same_choice(others[name], components[name]):
            raise errors.InternalError(f"two shapes are called {name} in the document")
    schemas = others | components
    return references, {name: _with_names_of_json(schemas[name]) for name in sorted(schemas)}


def _is_same_choice(one: Schema, other: Schema) -> bool:
    """An enum may be told by both libraries."""
    return "enum" in one and sorted(one["enum"]) == sorted(other.get("enum", ()))


def _with_names_of_json(schema: Schema) -> Schema:
    """Descriptions come from docstrings, which speak of members by their names in Python."""
    told = schema.get("description")
    if told is None:
        return schema
    return {**schema, "description": _SNAKE.sub(lambda found: f"`{to_camel(found[1])}`", told)}
