"""Who is asking: users, passwords, sessions, tokens, and the way from a request to an actor."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hekla.auth.model import User, UserMixin

__all__ = ["User", "UserMixin"]

_HOMES = {"User": "hekla.auth.model", "UserMixin": "hekla.auth.model"}


def __getattr__(name: str) -> Any:
    # The models need SQLAlchemy's ORM, which nobody waits for who only wants a part of this.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value
