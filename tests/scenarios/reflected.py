"""The database that HEKLA_DATABASE_URL names, as it is, for everyone: for tests to be served."""

from __future__ import annotations

from hekla import Hekla, everyone

app = Hekla()
app.reflect(read=everyone)
