"""An application for a server to import: ``HEKLA_TEST_APP`` says which, and where its files are.

``example`` is the example application, ``samples`` the tables of every type, anything else the
database that is found there. All are for everyone to read, the example to write as well.
"""

from __future__ import annotations

import os
from pathlib import Path

from hekla import Hekla, everyone, nobody
from tests.scenarios.example import load_example
from tests.scenarios.samples import clashes, samples

__all__ = ["app"]


def _app(which: str, place: Path) -> Hekla:
    if which == "example":
        return load_example(place)
    app = Hekla(f"sqlite:///{place}")
    if which == "samples":
        app.resource(samples, read=everyone, write=nobody, search=["text"])
        app.resource(clashes, read=everyone, write=nobody)
    else:
        app.reflect(read=everyone)
    return app


_which, _, _place = os.environ["HEKLA_TEST_APP"].partition(":")
app = _app(_which, Path(_place))
