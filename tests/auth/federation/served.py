"""An application whose users sign in with another provider, which the environment names."""

from __future__ import annotations

import os

from hekla import Hekla
from hekla.auth import User

app = Hekla()
app.auth(User, registration=True, profile=["name"])
app.sign_in_with("node", issuer=os.environ["HEKLA_TEST_ISSUER"], title="Node")
app.on_startup(app.create_tables)
