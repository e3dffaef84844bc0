"""A provider that real clients reach over HTTP, and the browser of its user."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from tests.auth.world import PASSWORD
from tests.servers import SERVERS, free_port, wait_until_it_listens

__all__ = ["ProviderProcess", "User", "serve_provider"]

ROOT = Path(__file__).parents[3]
CALLBACK = "http://127.0.0.1:9/callback"


@dataclass(frozen=True)
class ProviderProcess:
    """A provider that listens; clients are registered as its operator does it."""

    url: str
    environment: dict[str, str]

    def register(self, name: str, *options: str) -> dict[str, Any]:
        """Register a client by ``hekla clients add``."""
        app = "tests.auth.oauth.served:app"
        done = subprocess.run(
            [sys.executable, "-m", "hekla", "clients", "add", app, name, *options, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@contextmanager
def serve_provider(
    folder: Path,
    app: str = "tests.auth.oauth.served:app",
    *,
    port: int = 0,
    more: Mapping[str, str] | None = None,
) -> Iterator[ProviderProcess]:
    """Serve one until the block ends, with the user ann@example.org.

    ``more`` are further variables of its environment.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HEKLA_")},
        "PYTHONPATH": str(ROOT),
        "HEKLA_PUBLIC_URL": url,
        "HEKLA_DATABASE_URL": f"sqlite:///{folder / 'users.db'}",
        "HEKLA_SECRET": "q7Zk2v9XwB4mN8pR3tY6uJ1sD5fG0hLa",
        "HEKLA_PASSWORD_MEMORY": "8MiB",
        "HEKLA_PASSWORD_PASSES": "1",
        **(more or {}),
    }
    log = (folder / "provider.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, *SERVERS["hekla"](app, port)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        assert wait_until_it_listens(port, process), (folder / "provider.log").read_text()
        person = {"email": "ann@example.org", "password": PASSWORD, "name": "Ann"}
        httpx.post(f"{url}/auth/register", json=person, timeout=30).raise_for_status()
        yield ProviderProcess(url, environment)
    finally:
        process.terminate()
        process.wait(20)
        log.close()


class User:
    """Somebody before a browser: follows where it is sent, and fills in what it is shown."""

    def __init__(self) -> None:
        self._client = httpx.Client(follow_redirects=False, timeout=30)

    def go(self, url: str, **typed: str) -> str:
        """Go to an address and on, until it leads back to the client; that address."""
        known = {"login": "ann@example.org", "password": PASSWORD, "decision": "allow", **typed}
        response = self._client.get(url)
        for _ in range(12):
            if response.status_code in (302, 303):
                target = str(response.url.join(response.headers["location"]))
                if target.startswith(CALLBACK):
                    return target
                response = self._client.get(target)
                continue
            if response.status_code != 200:
                raise AssertionError(f"{response.status_code} at {response.url}: {response.text}")
            form = _form(response.text)
            if form is None:
                return response.text
            action, fields, names = form
            fields |= {name: known[name] for name in names}
            origin = f"{response.url.scheme}://{response.url.netloc.decode()}"
            target = str(response.url.join(action))
            response = self._client.post(target, data=fields, headers={"origin": origin})
        raise AssertionError(f"it leads nowhere: {response.url}")

    def close(self) -> None:
        self._client.close()


def _form(page: str) -> tuple[str, dict[str, str], list[str]] | None:
    """The form of a page: its address, its hidden fields, and the names of what is typed."""
    found = re.search(r'<form[^>]*action="([^"]*)"', page)
    if found is None:
        return None
    fields, names = {}, []
    for tag in re.findall(r"<(?:input|button)\b[^>]*>", page):
        attributes = {key: unescape(value) for key, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        name = attributes.get("name")
        if name is None:
            continue
        if attributes.get("type") == "hidden" or name == "user_code":
            fields[name] = attributes.get("value", "")
        elif name not in names:
            names.append(name)
    return unescape(found[1]), fields, names
