"""The addresses of sign-in in OpenAPI 3.1, and who may ask the others and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from hekla.auth.documents import Fields
from hekla.auth.operations import Operation

if TYPE_CHECKING:
    from hekla.auth.face import AuthFace

__all__ = ["TAG", "describe_sign_in"]

TAG = "auth"

_JSON_TYPES: dict[type, dict[str, Any]] = {
    str: {"type": "string", "maxLength": 4096},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    dict: {"type": "object"},
    list: {"type": "array"},
}
_GUIDE = """\

**Who asks** is said by `Authorization: Bearer` with an access token of `/auth/login`, or with an
API key; browsers have a cookie. Who asks changes what there is: this document tells what everybody
may see.
"""

Responses = Callable[[Iterable[str]], dict[str, Any]]


def describe_sign_in(
    document: dict[str, Any], face: AuthFace, responses_for: Responses
) -> dict[str, Any]:
    """The OpenAPI document of an application with the addresses of sign-in added to it.

    ``responses_for`` gives references to the shared answers with the statuses that it is given.
    """
    paths = {path: _with_401(item, responses_for) for path, item in document["paths"].items()}
    for operation in face.dispatcher.operations:
        item = paths.setdefault(f"/auth/{operation.path}", {})
        item[operation.method.lower()] = _operation(operation, responses_for)
    options = face.auth.options
    if options.tokens:
        paths["/.well-known/jwks.json"] = {"get": _keys(responses_for)}
    schemes: dict[str, Any] = {}
    if options.tokens or options.keys:
        schemes["bearer"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    if options.cookies:
        name = "__Host-hekla-session"
        schemes["cookie"] = {"type": "apiKey", "in": "cookie", "name": name}
    info = document["info"]
    return {
        **document,
        "info": {**info, "description": info["description"] + _GUIDE},
        "tags": [*document["tags"], {"name": TAG, "description": "Signing in."}],
        "security": [*({name: []} for name in schemes), {}],
        "paths": paths,
        "components": {**document["components"], "securitySchemes": schemes},
    }


def _with_401(item: dict[str, Any], responses_for: Responses) -> dict[str, Any]:
    """An address with the answer to a token that is not valid, which any may give."""
    changed = {}
    for name, part in item.items():
        if isinstance(part, dict) and "responses" in part:
            more = responses_for(("401",))
            if name != "get":
                more |= responses_for(("403",))
            part = {**part, "responses": {**more, **part["responses"]}}
        changed[name] = part
    return changed


def _operation(operation: Operation, responses_for: Responses) -> dict[str, Any]:
    words = operation.path.replace("{", "").replace("}", "").replace("/", "_").replace("-", "_")
    statuses = {"400", "401", "413", "414", "431", "5XX", *map(str, operation.problems)}
    if operation.takes is not None:
        statuses |= {"408", "415", "422"}
    if operation.method != "GET":
        statuses.add("403")
    if "{" in operation.path:
        statuses.add("404")
    described: dict[str, Any] = {
        "operationId": f"auth_{operation.method.lower()}_{words}",
        "summary": operation.summary,
        "tags": [TAG],
    }
    if operation.description:
        described["description"] = operation.description
    parameters = list(operation.parameters)
    if "{" in operation.path:
        name = operation.path.partition("{")[2].partition("}")[0]
        parameters.insert(
            0, {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        )
    if parameters:
        described["parameters"] = parameters
    if operation.takes is not None:
        described["requestBody"] = {
            "required": bool(operation.takes.required),
            "content": {"application/json": {"schema": _document(operation.takes)}},
        }
    answer: dict[str, Any] = {"description": "It is done."}
    if operation.answers is not None:
        answer["content"] = {"application/json": {"schema": operation.answers}}
    described["responses"] = {str(operation.status): answer, **responses_for(sorted(statuses))}
    return described


def _document(fields: Fields) -> dict[str, Any]:
    properties = {
        name: _JSON_TYPES[kind] for name, kind in {**fields.required, **fields.optional}.items()
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if fields.required:
        schema["required"] = list(fields.required)
    for name, more in fields.schemas.items():
        properties[name] = {**properties[name], **more}
    if not fields.others:
        schema["additionalProperties"] = False
    return schema


def _keys(responses_for: Responses) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
    }
    return {
        "operationId": "auth_keys_of_tokens",
        "summary": "The keys that tokens are signed with (RFC 7517)",
        "tags": [TAG],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": schema}}},
            **responses_for(("304", "400", "401", "406", "414", "431", "5XX")),
        },
    }
