"""The tables of the provider; :mod:`hekla.auth.tables` says how Hekla's own tables are kept."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["CLIENTS", "CODES", "CONSENTS", "DEVICE_CODES", "TABLES"]

_metadata = sa.MetaData()

_ID = sa.String(64)
_CLIENT = sa.String(120)
_USER = sa.String(255)
_MOMENT = sa.String(32)
_DIGEST = sa.String(64)
_SCOPE = sa.String(1000)

CLIENTS = sa.Table(
    "hekla_oauth_clients",
    _metadata,
    sa.Column("id", _CLIENT, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret", _DIGEST),
    sa.Column("old_secret", _DIGEST),
    sa.Column("old_secret_until", _MOMENT),
    sa.Column("redirect_uris", sa.Text, nullable=False),
    sa.Column("grants", sa.String(400), nullable=False),
    sa.Column("scopes", _SCOPE, nullable=False),
    sa.Column("trusted", sa.Integer, nullable=False),
    sa.Column("inspects", sa.Integer, nullable=False),
    sa.Column("acts_as", _USER),
    sa.Column("created_at", _MOMENT, nullable=False),
)
"""Registered clients; lists are texts with spaces between."""

CODES = sa.Table(
    "hekla_oauth_codes",
    _metadata,
    sa.Column("digest", _DIGEST, primary_key=True),
    sa.Column("client_id", _CLIENT, nullable=False),
    sa.Column("user_id", _USER, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("scope", _SCOPE, nullable=False),
    sa.Column("nonce", sa.Text),
    sa.Column("challenge", sa.String(64), nullable=False),
    sa.Column("browser_id", _ID, nullable=False),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Column("forget_at", _MOMENT, nullable=False),
    sa.Column("used_at", _MOMENT),
    sa.Column("session_id", _ID),
    sa.Index("hekla_oauth_codes_forget", "forget_at"),
)
"""Authorization codes, those that have expired included: whoever shows one again is a thief, or
the victim of one. ``browser_id`` is the session in which the user agreed, ``session_id`` the
one that the code was redeemed for."""

CONSENTS = sa.Table(
    "hekla_oauth_consents",
    _metadata,
    sa.Column("user_id", _USER, primary_key=True),
    sa.Column("client_id", _CLIENT, primary_key=True),
    sa.Column("scope", _SCOPE, nullable=False),
    sa.Column("granted_at", _MOMENT, nullable=False),
    sa.Index("hekla_oauth_consents_client", "client_id"),
)
"""What users agreed to."""

DEVICE_CODES = sa.Table(
    "hekla_oauth_device_codes",
    _metadata,
    sa.Column("digest", _DIGEST, primary_key=True),
    sa.Column("user_code", _DIGEST, nullable=False),
    sa.Column("client_id", _CLIENT, nullable=False),
    sa.Column("scope", _SCOPE, nullable=False),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Column("forget_at", _MOMENT, nullable=False),
    sa.Column("polled_at", _MOMENT),
    sa.Column("wait", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("user_id", _USER),
    sa.Column("browser_id", _ID),
    sa.Column("session_id", _ID),
    sa.Index("hekla_oauth_device_codes_user_code", "user_code", unique=True),
    sa.Index("hekla_oauth_device_codes_forget", "forget_at"),
    sa.Index("hekla_oauth_device_codes_client", "client_id", "expires_at"),
)
"""Devices that wait for somebody to let them in: ``status`` is ``pending``, ``approved``,
``denied`` or ``used``; ``wait`` are the seconds between two questions of the device."""

TABLES = (CLIENTS, CODES, CONSENTS, DEVICE_CODES)
