"""Hekla: typed models, or a database that exists, as a complete backend."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hekla.actor import Actor
    from hekla.app import Hekla
    from hekla.errors import Fault, OperatorError, Problem
    from hekla.policy.rules import everyone, me, nobody, signed_in
    from hekla.rates.rate import Rate
    from hekla.settings import Settings

__all__ = [
    "Actor",
    "Fault",
    "Hekla",
    "OperatorError",
    "Problem",
    "Rate",
    "Settings",
    "everyone",
    "me",
    "nobody",
    "signed_in",
]
__version__ = "0.1.0"

_HOMES = {
    "Actor": "hekla.actor",
    "Fault": "hekla.errors",
    "Hekla": "hekla.app",
    "OperatorError": "hekla.errors",
    "Problem": "hekla.errors",
    "Rate": "hekla.rates.rate",
    "Settings": "hekla.settings",
    "everyone": "hekla.policy.rules",
    "me": "hekla.policy.rules",
    "nobody": "hekla.policy.rules",
    "signed_in": "hekla.policy.rules",
}


def __getattr__(name: str) -> Any:
    # Whatever imports a part of the package imports the package first, the command line too,
    # which has to answer before SQLAlchemy could be loaded. So names come when they are asked for.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
