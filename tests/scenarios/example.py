"""The example application with its database in a folder of the test's, also to be served."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from hekla import Hekla

__all__ = ["EXAMPLE", "FOLDER", "load_example"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "tasks" / "app.py"
# Names the folder to a server that serves ``tests.scenarios.example:app``.
FOLDER = "EXAMPLE_FOLDER"


def load_example(folder: Path, url: str | None = None) -> Hekla:
    """The example application; its relative database is one in ``folder``, or it is at ``url``."""
    spec = importlib.util.spec_from_file_location(f"example_{abs(hash(folder))}", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    os.chdir(folder)
    try:
        if url is None:
            spec.loader.exec_module(module)
        else:
            source = EXAMPLE.read_text().replace("sqlite:///tasks.db", url)
            # The classes of models look for their module.
            sys.modules[spec.name] = module
            exec(compile(source, EXAMPLE, "exec"), module.__dict__)
    finally:
        os.chdir(before)
    app = module.app
    assert isinstance(app, Hekla)
    return app


if FOLDER in os.environ:
    app = load_example(Path(os.environ[FOLDER]))
