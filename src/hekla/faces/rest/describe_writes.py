"""Writing as OpenAPI says it: the operations on a list and on a row, with their documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hekla.faces.rest import parameters
from hekla.faces.rest.answers import refer_header, responses_for
from hekla.faces.rest.components import Components, Described
from hekla.faces.rest.documents import JSON_TYPES
from hekla.faces.rest.filter_parameters import chosen, natural_key
from hekla.faces.rest.inputs import Inputs
from hekla.faces.rest.links import same_row
from hekla.faces.rest.unique_sets import shown_sets
from hekla.faces.rest.write_row import PATCH_TYPES
from hekla.policy.access import ACTIONS, Access
from hekla.schema.resource import Resource
from hekla.settings import Settings

__all__ = ["WRITE_FAILURES", "Writes", "prefer", "write_operations"]

WRITE_FAILURES = ("400", "403", "408", "409", "413", "414", "415", "422", "431", "5XX")
"""What a request with a document may be answered when nothing is written."""
_WITHOUT_DOCUMENT = ("400", "403", "409", "414", "422", "431", "5XX")

_ONE_HEADERS = {
    name: refer_header(component)
    for name, component in (
        ("ETag", "ETag"),
        ("Location", "Location"),
        ("Preference-Applied", "PreferenceApplied"),
    )
}
_MANY_HEADERS = {
    name: refer_header(component)
    for name, component in (
        ("X-Total-Count", "XTotalCount"),
        ("Preference-Applied", "PreferenceApplied"),
    )
}
_AGAIN = (
    '`Idempotency-Key: "…"`, a text that this client has not used before, lets the request be '
    "sent again: it is done once, and each time answered the same."
)
_UNCHANGED = (
    "`If-Match` with the row's ETag writes it only if it is still as it was read; else the "
    "answer is 412."
)

Operation = tuple[str, str, dict[str, Any]]
"""A path, a method, and what it does."""


def write_operations(access: Access, resource: Resource) -> Iterator[str]:
    """What may be done with rows, as the names of operations: such as ``update_many``."""
    create, update, delete = (access.writes(resource, each) is not False for each in ACTIONS)
    if create:
        yield "create"
    if not resource.key:
        return
    if shown_sets(resource, access.columns(resource)) and (create or update):
        yield "upsert"
    if update:
        yield "update_many"
    if delete:
        yield "delete_many"
    if all(name in access.columns(resource) for name in resource.key):
        if create or update:
            yield "replace"
        if update:
            yield "update"
        if delete:
            yield "delete"


def prefer(components: Components) -> dict[str, Any]:
    """The header that a client tells its preferences in."""
    return components.parameter(
        "Prefer",
        "Prefer",
        {"type": "string"},
        place="header",
        description="`return=minimal`: answer without a body (RFC 7240).",
    )


class Writes:
    """The operations that write, of all resources."""

    def __init__(self, of: Mapping[str, Described], settings: Settings) -> None:
        self.of = of
        self.settings = settings

    def of_resource(self, described: Described) -> Inputs:
        return Inputs(described, self.of)

    def operations(self, described: Described, key: list[dict[str, Any]]) -> Iterator[Operation]:
        """All that may be done; ``key`` are the parameters of a row's path."""
        made = {
            "create": ("post", self._create),
            "upsert": ("put", self._upsert),
            "update_many": ("patch", self._update_many),
            "delete_many": ("delete", self._delete_many),
        }
        for name, (method, make) in made.items():
            if name in described.operations:
                yield described.path, method, make(described)
        for name, method in (("replace", "put"), ("update", "patch"), ("delete", "delete")):
            if name in described.operations:
                yield described.row_path, method, self._row(described, name, key)

    # On a list

    def _create(self, described: Described) -> dict[str, Any]:
        one = self.of_resource(described).create()
        most = self.settings.max_bulk_rows
        body = {"anyOf": [one, {"type": "array", "items": one, "maxItems": most}]}
        return self._operation(
            described,
            "create",
            f"Create rows of {described.resource.name}",
            "One document, or an array of them: all are written, or none. With "
            "`upsert=name` a row with that name is changed instead, where there is one; "
            f"`upsert=key` goes by the primary key. {_AGAIN}",
            self._shaping(described),
            _body(body),
            {
                "201": self._written(described, "What was written.", _ONE_HEADERS, either=True),
                "204": {"description": "Written; nothing is told.", "headers": _MANY_HEADERS},
            },
        )

    def _upsert(self, described: Described) -> dict[str, Any]:
        names, parameter = natural_key(described)
        known = shown_sets(described.resource, described.columns)
        body = self.of_resource(described).upsert(names)
        return self._operation(
            described,
            "upsert",
            f"Create or change a row of {described.resource.name} by what it is called",
            "Any set of columns that tells rows apart names the row: "
            f"{' or '.join(', '.join(each) for each in known)}. {_UNCHANGED} {_AGAIN}",
            [parameter, *self._shaping(described)],
            _body(body),
            self._answers(described, created=True),
            "412",
        )

    def _update_many(self, described: Described) -> dict[str, Any]:
        body = self.of_resource(described).patch(many=True)
        found = self._written(described, "The rows.", _MANY_HEADERS, many=True)
        return self._operation(
            described,
            "update_many",
            f"Change all rows of {described.resource.name} that a filter finds",
            f"A merge patch (RFC 7396) for each row, {self.settings.max_write_rows} at most: all "
            f"are changed, or none. {_AGAIN}",
            [chosen(described), *self._shaping(described)],
            _body(body, PATCH_TYPES),
            {
                "200": found,
                "204": {"description": "Written; nothing is told.", "headers": _MANY_HEADERS},
            },
        )

    def _delete_many(self, described: Described) -> dict[str, Any]:
        return self._operation(
            described,
            "delete_many",
            f"Delete all rows of {described.resource.name} that a filter finds",
            f"{self.settings.max_write_rows} at most: all are deleted, or none. {_AGAIN}",
            [chosen(described, required=not described.resource.delete_all)],
            None,
            {
                "204": {
                    "description": "They are gone.",
                    "headers": {"X-Total-Count": refer_header("XTotalCount")},
                }
            },
        )

    # On a row

    def _row(self, described: Described, name: str, key: list[dict[str, Any]]) -> dict[str, Any]:
        inputs = self.of_resource(described)
        table = described.resource.name
        shaping = self._shaping(described)
        if name == "delete":
            return self._operation(
                described,
                name,
                f"Delete a row of {table}",
                f"{_UNCHANGED} {_AGAIN}",
                key,
                None,
                {"204": {"description": "It is gone."}},
                "404",
                "412",
            )
        if name == "update":
            return self._operation(
                described,
                name,
                f"Change a row of {table}",
                f"A merge patch (RFC 7396): what it does not speak of stays. {_UNCHANGED} {_AGAIN}",
                [*key, *shaping],
                _body(inputs.patch(many=False), PATCH_TYPES),
                self._answers(described, created=False),
                "404",
                "412",
            )
        return self._operation(
            described,
            name,
            f"Replace a row of {table}, or create it with this key",
            f"What is left out gets its default, or NULL. {_UNCHANGED} `If-None-Match: *` "
            f"writes it only if it is new. {_AGAIN}",
            [*key, *shaping],
            _body(inputs.replace()),
            self._answers(described, created=True),
            "404",
            "412",
        )

    # Parts

    def _shaping(self, described: Described) -> list[dict[str, Any]]:
        """What says how the written row is told."""
        shape = []
        if described.readable:
            shape = [parameters.fields(described), *parameters.include(described)]
        return [*shape, prefer(described.components)]

    def _answers(self, described: Described, *, created: bool) -> dict[str, Any]:
        found = {"200": self._written(described, "The row as it is now.", _ONE_HEADERS)}
        if created:
            found["201"] = self._written(described, "The new row.", _ONE_HEADERS)
        found["204"] = {
            "description": "Written; nothing is told.",
            "headers": {
                "ETag": refer_header("ETag"),
                "Preference-Applied": refer_header("PreferenceApplied"),
            },
        }
        return found

    def _written(
        self,
        described: Described,
        words: str,
        headers: Mapping[str, Any],
        *,
        many: bool = False,
        either: bool = False,
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {"description": words, "headers": dict(headers)}
        if not described.readable:
            return answer
        row = {"$ref": f"#/components/schemas/{described.schema}"}
        rows = {"type": "array", "items": row}
        schema = {"anyOf": [row, rows]} if either else rows if many else row
        answer["content"] = {"application/json": {"schema": schema}}
        if not many and described.has_rows:
            answer["links"] = same_row(described)
        return answer

    def _operation(
        self,
        described: Described,
        name: str,
        summary: str,
        description: str,
        given: Iterable[dict[str, Any]],
        body: dict[str, Any] | None,
        answers: Mapping[str, Any],
        *more: str,
    ) -> dict[str, Any]:
        failures = _WITHOUT_DOCUMENT if body is None else WRITE_FAILURES
        operation: dict[str, Any] = {
            "operationId": described.operations[name],
            "summary": summary,
            "description": description,
            "tags": [described.resource.name],
            "parameters": list(given),
        }
        if body is not None:
            operation["requestBody"] = body
        operation["responses"] = {**answers, **responses_for(sorted({*failures, *more}))}
        return operation


def _body(schema: dict[str, Any], types: Iterable[str] = JSON_TYPES) -> dict[str, Any]:
    return {"required": True, "content": {each: {"schema": schema} for each in types}}
