"""Hekla signs users in through a provider that others wrote, over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from tests.auth.oauth.provider_process import User, serve_provider
from tests.npm import node_modules
from tests.servers import free_port, wait_until_it_listens

OIDC_PROVIDER = "oidc-provider@9.13.3"


def test_oidc_provider(tmp_path: Path) -> None:
    """Discovery, PKCE, its pages, an ID token of RSA keys, userinfo; then the same user again."""
    folder = node_modules(OIDC_PROVIDER)
    port, own = free_port(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    log = (tmp_path / "node.log").open("wb")
    process = subprocess.Popen(
        ["node", str(Path(__file__).with_name("node") / "provider.mjs")],
        env={
            **os.environ,
            "NODE_FOLDER": str(folder),
            "PORT": str(port),
            "CLIENT_SECRET": "a secret: with % and +",
            "REDIRECT": f"http://127.0.0.1:{own}/oauth/callback/node",
        },
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    environment = {
        "HEKLA_TEST_ISSUER": issuer,
        "HEKLA_WITH_NODE_CLIENT_ID": "hekla",
        "HEKLA_WITH_NODE_CLIENT_SECRET": "a secret: with % and +",
    }
    app = "tests.auth.federation.served:app"
    try:
        assert wait_until_it_listens(port, process), (tmp_path / "node.log").read_text()
        with serve_provider(tmp_path, app, port=own, more=environment) as hekla:
            seen = []
            for _ in range(2):
                user = User()
                try:
                    page = user.go(f"{hekla.url}/oauth/with/node?next=/auth/me", login="bob")
                finally:
                    user.close()
                seen.append(json.loads(page))
    finally:
        process.terminate()
        process.wait(20)
        log.close()
    # The first user is ann, who registered here.
    assert seen[0] == {"id": 2, "email": "bob@example.net", "name": "Node bob", "roles": []}
    assert seen[1] == seen[0]
    assert urlsplit(issuer).port == port
