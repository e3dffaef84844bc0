"""An application with users, and somebody who asks it as a browser or an app would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Hekla, Settings, me
from hekla.auth import UserMixin
from hekla.auth.core import Auth
from hekla.auth.moments import Clock
from tests.scenarios.client import Answer, ask

__all__ = [
    "PASSWORD",
    "QUICK",
    "Client",
    "Stopped",
    "Task",
    "User",
    "auth_of",
    "make_app",
    "stop_clock",
]

PASSWORD = "seven red bicycles"

# Hashes as cheap as they may be: what is tested is not how long they take.
QUICK = Settings(password_memory=8 << 20, password_passes=1, auth_rate_limits=())


class Base(DeclarativeBase):
    pass


class User(UserMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    team: Mapped[str | None] = mapped_column(String(40))
    company_id: Mapped[int | None]


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey(User.id))


def make_app(
    folder: Path, *, settings: Settings = QUICK, url: str | None = None, **options: Any
) -> Hekla:
    """Tasks that each sees who owns them, and everybody if they are shared."""
    app = Hekla(url or f"sqlite:///{folder / 'tasks.db'}", settings=settings)
    given = {"registration": True, "profile": ["name"], "tenant": "company_id", "claims": ["team"]}
    app.auth(User, **{**given, **options})
    app.resource(User, read=User.id == me.id)
    app.resource(
        Task,
        read=(Task.owner_id == me.id) | Task.shared,
        write=Task.owner_id == me.id,
        created_by="owner_id",
    )
    app.on_startup(app.create_tables)
    return app


def auth_of(app: Hekla) -> Auth:
    auth = app.parts.auth
    assert auth is not None
    return auth


class Stopped(Clock):
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = datetime(2026, 5, 1, tzinfo=UTC).timestamp()
        self.time = lambda: self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


def stop_clock(app: Hekla) -> Stopped:
    """Let it be what time a test says; before the app is started."""
    clock = Stopped()
    auth_of(app).clock.time = clock.time
    auth_of(app).authenticate._time = clock.time
    return clock


@dataclass
class Client:
    """Somebody who asks an application: with cookies as a browser keeps them, or a token."""

    app: Hekla
    token: str | None = None
    refresh_token: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    host: str = "tasks.example"
    origin: str | None = "https://tasks.example"

    async def ask(
        self,
        method: str,
        target: str,
        document: Any = ...,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"host": self.host, **self.headers}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            if self.origin is not None and method != "GET":
                sent["origin"] = self.origin
        sent.update(headers or {})
        answer = await ask(self.app, target, sent, method=method, document=document)
        self._keep(answer.headers.get("set-cookie", ""))
        return answer

    def _keep(self, given: str) -> None:
        for cookie in given.split(", ") if given else ():
            pair, *_ = cookie.split(";")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    async def get(self, target: str) -> Answer:
        return await self.ask("GET", target)

    async def post(self, target: str, document: Any = ..., **more: Any) -> Answer:
        return await self.ask("POST", target, document, **more)

    async def register(self, email: str, password: str = PASSWORD, **more: Any) -> Answer:
        answer = await self.post("/auth/register", {"email": email, "password": password, **more})
        return self._take(answer)

    async def login(self, email: str, password: str = PASSWORD, **more: Any) -> Answer:
        answer = await self.post("/auth/login", {"email": email, "password": password, **more})
        return self._take(answer)

    async def refresh(self) -> Answer:
        answer = await self.post("/auth/refresh", {"refresh_token": self.refresh_token})
        return self._take(answer)

    def _take(self, answer: Answer) -> Answer:
        if answer.status in (200, 201):
            document = answer.json()
            self.token = document.get("access_token")
            self.refresh_token = document.get("refresh_token")
        return answer

    def copy(self) -> Client:
        """The same, who goes own ways from here."""
        return replace(self, cookies=dict(self.cookies), headers=dict(self.headers))

    async def who(self) -> Any:
        """The login of whoever this is to the application; None for nobody, or its code."""
        answer = await self.get("/auth/me")
        document = answer.json()
        return document["email"] if answer.status == 200 else document["code"]
