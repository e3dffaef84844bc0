"""The example application with its database in a folder of the test's, also to be served."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from hekla import Hekla

__all__ = ["EXAMPLE", "FOLDER", "load_example"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "tasks" / "app.py"
# Names the folder to a server that serves ``tests.scenarios.example:app``.
FOLDER = "EXAMPLE_FOLDER"


def load_example(folder: Path) -> Hekla:
    """The example application; its relative database is one in ``folder``."""
    spec = importlib.util.spec_from_file_location(f"example_{abs(hash(folder))}", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    os.chdir(folder)
    try:
        spec.loader.exec_module(module)
    finally:
        os.chdir(before)
    app = module.app
    assert isinstance(app, Hekla)
    return app


if FOLDER in os.environ:
    app = load_example(Path(os.environ[FOLDER]))
