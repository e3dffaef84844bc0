"""``keys``: one's own API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hekla.auth.api.schemas import array_of, moment, nullable, object_of, text
from hekla.auth.documents import Fields, invalid, read_fields
from hekla.auth.keys import is_scope
from hekla.auth.moments import moment as moment_text
from hekla.auth.operations import Operation, private_json
from hekla.auth.origin import origin_of
from hekla.errors import FORBIDDEN, NOT_FOUND, Fault, Problem
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request

__all__ = ["Keys", "expiry", "read_scopes"]

_MOST = 100
_KEY = {
    "id": text,
    "name": text,
    "hint": text,
    "scopes": array_of(text),
    "created_at": moment,
    "expires_at": nullable(moment),
    "used_at": nullable(moment),
}
_NEW = Fields(
    {"name": str, "scopes": list},
    {"expires_at": str},
    schemas={
        "name": {"minLength": 1, "maxLength": 200},
        "scopes": {"items": text, "minItems": 1, "maxItems": 100},
        "expires_at": {"format": "date-time"},
    },
)


class Keys:
    """What somebody who signed in does with the keys of their programs."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                "keys",
                self.list,
                "One's own API keys",
                None,
                array_of(object_of(_KEY)),
                signed_in=True,
            ),
            Operation(
                "POST",
                "keys",
                self.create,
                "Make an API key",
                _NEW,
                object_of({**_KEY, "key": text}),
                status=201,
                signed_in=True,
                problems=(403, 422),
                description="`key` is shown this once. `scopes` are `read`, `write`, `tasks:read`, "
                "`tasks:write` and so on, and `admin`.",
            ),
            Operation(
                "DELETE",
                "keys/{id}",
                self.delete,
                "Delete one of one's own API keys",
                None,
                status=204,
                signed_in=True,
            ),
        ]

    async def list(self, request: Request) -> Response:
        rows = await self._auth.api_keys.list(str(request.actor.id))
        return private_json(msgspec.json.encode(rows))

    async def create(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        document = await read_fields(request, _NEW)
        user_id = str(request.actor.id)
        name = document["name"].strip()
        if not name or len(name) > 200 or not name.isprintable():
            raise invalid(Fault("/name", "must be a text of 1 to 200 characters"))
        scopes = read_scopes(document["scopes"], frozenset(auth.resources))
        expires_at = expiry(document.get("expires_at"), auth.clock.now())
        if len(await auth.api_keys.list(user_id)) >= _MOST:
            raise Problem(FORBIDDEN, f"There are {_MOST} keys already: delete some.")
        new = auth.api_keys.new()

        async def work(tx: Transaction) -> None:
            await auth.api_keys.add(tx, new, user_id, name, scopes, expires_at, user_id)
            await auth.audit.write(
                tx, "key_created", origin, user_id=user_id, key=new.id, scopes=scopes
            )

        await auth.store.write(work)
        (row,) = [each for each in await auth.api_keys.list(user_id) if each["id"] == new.id]
        return private_json(msgspec.json.encode({**row, "key": new.key}), 201)

    async def delete(self, request: Request, key_id: str) -> Response:
        auth, origin = self._auth, origin_of(request)
        user_id = str(request.actor.id)

        async def work(tx: Transaction) -> bool:
            if await auth.api_keys.delete(tx, key_id, user_id) is None:
                return False
            await auth.audit.write(tx, "key_deleted", origin, user_id=user_id, key=key_id)
            return True

        if not await auth.write(work):
            raise Problem(NOT_FOUND, "There is no such key.")
        return Response(204, b"", [("cache-control", "no-store")])


def read_scopes(given: list[Any], resources: frozenset[str]) -> list[str]:
    """The scopes of a document. Raises Problem ``validation_failed``."""
    if not 1 <= len(given) <= 100:
        raise invalid(Fault("/scopes", "must hold 1 to 100 scopes"))
    faults = []
    for place, scope in enumerate(given):
        if not isinstance(scope, str) or not is_scope(scope):
            message = "must be read, write, admin, or such as tasks:read"
            faults.append(Fault(f"/scopes/{place}", message))
        elif ":" in scope and scope.rpartition(":")[0] not in resources:
            faults.append(Fault(f"/scopes/{place}", "there is no such resource"))
    if faults:
        raise invalid(*faults)
    return sorted(set(given))


def expiry(given: str | None, at: datetime) -> str | None:
    """The moment of a document, which has to come. Raises Problem ``validation_failed``."""
    if given is None:
        return None
    try:
        moment_ = datetime.fromisoformat(given)
    except ValueError:
        moment_ = at
    if moment_.tzinfo is None:
        raise invalid(Fault("/expires_at", "must be a moment with its offset, as RFC 3339 has it"))
    if moment_ <= at or moment_.year > 9000:
        raise invalid(Fault("/expires_at", "must be a moment that is to come"))
    return moment_text(moment_.astimezone(UTC))
