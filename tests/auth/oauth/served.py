"""A provider as a process of its own; its address and database come from the environment."""

from __future__ import annotations

from hekla import Hekla
from hekla.auth import User

app = Hekla()
app.auth(User, registration=True, profile=["name"])
app.oauth()
app.on_startup(app.create_tables)
