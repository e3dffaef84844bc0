"""``python -m tests.server.serve IMPORT PORT [OPTIONS]``: what ``hekla serve`` runs.

OPTIONS is a JSON object of further ServeOptions.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
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
    more = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    for name in ("tls_certificate", "tls_key"):
        if name in more:
            more[name] = Path(more[name])
    serve(Loader(sys.argv[1]), ServeOptions(port=int(sys.argv[2]), access_log="json", **more))
