"""One change as it is told: a JSON object put together from what the database wrote."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Entry", "changed_columns"]

_encode = msgspec.json.Encoder().encode
_documents = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NULL = b"null"


class Entry(msgspec.Struct, gc=False):
    """A change: ``seq``, ``at``, who made it, and JSON as the database wrote it.

    ``actor`` is JSON too. ``signed``: whether it is told who made it, by which request.
    """

    seq: int
    at: str
    resource: str
    key: bytes
    action: str
    before: bytes | None
    after: bytes | None
    actor: str | None = None
    request: str | None = None
    signed: bool = False

    def body(self) -> bytes:
        """The JSON object."""
        parts: list[bytes] = [b'{"seq":%d,"at":' % self.seq, _encode(self.at)]
        if self.signed:
            parts += [b',"actor":', _actor(self.actor)]
        changed = changed_columns(self.before, self.after)
        parts += [
            b',"resource":',
            _encode(self.resource),
            b',"key":',
            self.key,
            b',"action":',
            _encode(self.action),
            b',"changed":',
            _encode(changed),
            b',"before":',
            _NULL if self.before is None else self.before,
            b',"after":',
            _NULL if self.after is None else self.after,
        ]
        if self.signed:
            parts += [b',"request":', _encode(self.request)]
        parts.append(b"}")
        return b"".join(parts)


def changed_columns(before: bytes | None, after: bytes | None) -> list[str]:
    """The names of the columns in which two rows differ; of a row that is alone, all."""
    if before is None or after is None:
        alone = before or after
        return [] if alone is None else list(_documents(alone))
    old, new = _documents(before), _documents(after)
    return [name for name, value in new.items() if old.get(name) != value]


def _actor(text: str | None) -> bytes:
    """Who made a change; what another program wrote there and is no JSON is told as a text."""
    if text is None:
        return _NULL
    try:
        value: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = text
    return _encode(value)
