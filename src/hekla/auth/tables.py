"""The tables of sign-in: Hekla's own, never served, their names those of no application.

All columns are texts, integers or bytes, which every driver takes as they are; moments are
texts (:mod:`hekla.auth.moments`). ``user_id`` is the text of the user's key, whatever its type.
Of what proves who somebody is only digests are kept, or what is sealed
(:mod:`hekla.auth.sealed`).
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = [
    "ACCOUNTS",
    "API_KEYS",
    "ATTEMPTS",
    "AUDIT",
    "CODES",
    "DEVICES",
    "FACTORS",
    "GRANTS",
    "GROUPS",
    "GROUP_ROLES",
    "REFRESH",
    "ROLES",
    "SESSIONS",
    "SIGNING_KEYS",
    "TABLES",
]

_metadata = sa.MetaData()

_ID = sa.String(64)
_USER = sa.String(255)
_MOMENT = sa.String(32)
_DIGEST = sa.String(64)

ACCOUNTS = sa.Table(
    "hekla_accounts",
    _metadata,
    sa.Column("user_id", _USER, primary_key=True),
    sa.Column("password", sa.Text),
    sa.Column("password_at", _MOMENT),
    sa.Column("confirmed", sa.String(254)),
    sa.Column("disabled_at", _MOMENT),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("created_at", _MOMENT, nullable=False),
)
"""What is known of a user beside the application's own row. ``confirmed`` is the address that
was shown to be theirs, ``kind`` is ``person`` or ``service``."""

SESSIONS = sa.Table(
    "hekla_sessions",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("user_id", _USER, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("secret", _DIGEST),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("used_at", _MOMENT, nullable=False),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Column("proved_at", _MOMENT, nullable=False),
    sa.Column("methods", sa.String(120), nullable=False),
    sa.Column("address", sa.String(64)),
    sa.Column("agent", sa.String(400)),
    sa.Column("behind", _USER),
    sa.Column("client_id", sa.String(120)),
    sa.Column("scope", sa.String(1000)),
    sa.Index("hekla_sessions_user", "user_id"),
    sa.Index("hekla_sessions_secret", "secret", unique=True),
    sa.Index("hekla_sessions_expires", "expires_at"),
)
"""A sign-in that lasts: ``kind`` is ``cookie`` (a browser's, found by ``secret``) or ``token``
(an app's, kept up by refresh tokens). ``behind`` is the administrator who acts as the user;
``client_id`` and ``scope`` are those of OAuth, where it was begun by it."""

REFRESH = sa.Table(
    "hekla_refresh_tokens",
    _metadata,
    sa.Column("digest", _DIGEST, primary_key=True),
    sa.Column("session_id", _ID, nullable=False),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Column("used_at", _MOMENT),
    sa.Column("superseded", sa.Integer, nullable=False),
    sa.Index("hekla_refresh_tokens_session", "session_id"),
    sa.Index("hekla_refresh_tokens_expires", "expires_at"),
)
"""Refresh tokens, those that were used included: whoever shows one again is a thief, or the
victim of one. ``superseded``: another was given out in its place before it was used."""

SIGNING_KEYS = sa.Table(
    "hekla_signing_keys",
    _metadata,
    sa.Column("kid", _ID, primary_key=True),
    sa.Column("algorithm", sa.String(16), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("active_at", _MOMENT, nullable=False),
)

ATTEMPTS = sa.Table(
    "hekla_attempts",
    _metadata,
    sa.Column("bucket", _DIGEST, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("until", _MOMENT, nullable=False),
    sa.Column("forget_at", _MOMENT, nullable=False),
    sa.Index("hekla_attempts_forget", "forget_at"),
)
"""Tries to sign in that failed, by who made them and whom they were about."""

DEVICES = sa.Table(
    "hekla_devices",
    _metadata,
    sa.Column("digest", _DIGEST, primary_key=True),
    sa.Column("user_id", _USER, nullable=False),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Index("hekla_devices_expires", "expires_at"),
)
"""Browsers and apps that somebody signed in from: what others try does not lock these out."""

API_KEYS = sa.Table(
    "hekla_api_keys",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("user_id", _USER, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("digest", _DIGEST, nullable=False),
    sa.Column("hint", sa.String(32), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("created_by", _USER),
    sa.Column("expires_at", _MOMENT),
    sa.Column("used_at", _MOMENT),
    sa.Index("hekla_api_keys_digest", "digest", unique=True),
    sa.Index("hekla_api_keys_user", "user_id"),
)
"""Keys of programs. ``hint`` is how one begins, so that its owner can tell which it is."""

CODES = sa.Table(
    "hekla_codes",
    _metadata,
    sa.Column("digest", _DIGEST, primary_key=True),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("user_id", _USER),
    sa.Column("address", sa.String(254)),
    sa.Column("answer", _DIGEST),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("data", sa.Text),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Index("hekla_codes_user", "user_id"),
    sa.Index("hekla_codes_expires", "expires_at"),
)
"""Secrets in mails, and between two steps, each good once. ``answer`` is the digest of the digits
that are asked for, ``tries`` how often they were wrong."""

FACTORS = sa.Table(
    "hekla_factors",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("user_id", _USER, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("active", sa.Integer, nullable=False),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Index("hekla_factors_user", "user_id"),
)
"""Second factors: ``totp`` (sealed; ``last_step`` is that of the last password that was used) and
``recovery`` (digests)."""

ROLES = sa.Table(
    "hekla_roles",
    _metadata,
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("description", sa.Text),
    sa.Column("created_at", _MOMENT, nullable=False),
)

GRANTS = sa.Table(
    "hekla_role_grants",
    _metadata,
    sa.Column("user_id", _USER, primary_key=True),
    sa.Column("role", sa.String(120), primary_key=True),
    sa.Column("granted_at", _MOMENT, nullable=False),
    sa.Column("granted_by", _USER),
    sa.Index("hekla_role_grants_role", "role"),
)
"""Who has which role."""

GROUPS = sa.Table(
    "hekla_group_members",
    _metadata,
    sa.Column("user_id", _USER, primary_key=True),
    sa.Column("group", sa.String(120), primary_key=True),
    sa.Column("added_at", _MOMENT, nullable=False),
    sa.Column("added_by", _USER),
    sa.Index("hekla_group_members_group", "group"),
)
"""Who is in which group."""

GROUP_ROLES = sa.Table(
    "hekla_group_roles",
    _metadata,
    sa.Column("group", sa.String(120), primary_key=True),
    sa.Column("role", sa.String(120), primary_key=True),
)
"""The roles that a group gives to whoever is in it."""

AUDIT = sa.Table(
    "hekla_audit",
    _metadata,
    # SQLite counts up a column of this one type only; its integers are as large.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", _MOMENT, nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("user_id", _USER),
    sa.Column("login", sa.String(254)),
    sa.Column("by", _USER),
    sa.Column("behind", _USER),
    sa.Column("session_id", _ID),
    sa.Column("address", sa.String(64)),
    sa.Column("agent", sa.String(400)),
    sa.Column("request", sa.String(128)),
    sa.Column("detail", sa.Text),
    sa.Index("hekla_audit_user", "user_id", "id"),
    sa.Index("hekla_audit_at", "at"),
)
"""What happened to accounts. ``user_id`` is whose it was, ``by`` who did it; ``login`` is what
was typed, of a sign-in that failed."""

TABLES = (
    ACCOUNTS,
    SESSIONS,
    REFRESH,
    SIGNING_KEYS,
    API_KEYS,
    CODES,
    FACTORS,
    ATTEMPTS,
    DEVICES,
    ROLES,
    GRANTS,
    GROUPS,
    GROUP_ROLES,
    AUDIT,
)
