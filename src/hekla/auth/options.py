"""What an application says of its sign-in: plain data, given to ``app.auth(…)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

__all__ = ["Algorithm", "Options"]

Algorithm = Literal["EdDSA", "ES256"]


@dataclass(frozen=True, slots=True)
class Options:
    """How people and programs sign in.

    ``user`` is the model, ``login`` the column that they sign in with, ``profile`` the columns
    that they may set themselves. ``tenant`` is the column that ``me.tenant`` is, ``claims``
    those that ``me.claims`` holds. ``registration``: anybody may make themselves a user.
    ``passwords``, ``cookies``, ``tokens`` and ``keys`` are the ways to sign in and to stay so,
    ``links`` and ``codes`` those by mail; with ``totp`` users may set up a second factor.
    ``issuer`` and ``audience`` stand in tokens, which are signed by ``algorithm``.
    ``title`` is what the application is called, in mails and on pages. ``pages``: there are pages
    for people, for which ``templates`` may name a folder of one's own.
    """

    user: type[Any] | sa.Table
    login: str = "email"
    profile: Sequence[str] = ()
    tenant: str | None = None
    claims: Sequence[str] = ()
    registration: bool = False
    passwords: bool = True
    cookies: bool = True
    tokens: bool = True
    keys: bool = True
    links: bool = True
    codes: bool = True
    totp: bool = False
    issuer: str | None = None
    audience: str | None = None
    algorithm: Algorithm = "EdDSA"
    title: str = ""
    pages: bool = True
    templates: str | None = None
