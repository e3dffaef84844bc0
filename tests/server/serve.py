"""``python -m tests.server.serve IMPORT PORT``: Granian over RSGI, as ``hekla serve`` starts it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from hekla.server.granian import ServeOptions, serve


class Loader:
    """Imports an application by a string such as ``package.module:name``."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __call__(self) -> Any:
        module, _, name = self.where.partition(":")
        return getattr(import_module(module), name)


if __name__ == "__main__":
    serve(Loader(sys.argv[1]), ServeOptions(port=int(sys.argv[2]), access_log="json"))
