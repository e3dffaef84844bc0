"""The provider put together, and its addresses put on a router."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa

from hekla.auth.oauth.authorize import Authorize
from hekla.auth.oauth.back_channel import BackChannel
from hekla.auth.oauth.client import GRANTS
from hekla.auth.oauth.clients import Clients
from hekla.auth.oauth.device import Devices
from hekla.auth.oauth.device_page import DevicePage
from hekla.auth.oauth.grants import Grants
from hekla.auth.oauth.pages import Pages
from hekla.auth.oauth.scopes import STANDARD
from hekla.auth.oauth.tables import CODES, CONSENTS, DEVICE_CODES, TABLES
from hekla.auth.oauth.tokens import Tokens
from hekla.auth.statements import create
from hekla.errors import OperatorError
from hekla.sql.gone import delete_with
from hekla.web.response import Response, json_response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.face import AuthFace
    from hekla.auth.federation.face import Federation
    from hekla.schema.types import Dialect
    from hekla.web.request import Request
    from hekla.web.router import Router

__all__ = ["Provider", "ProviderOptions", "create_tables"]

_TOLD: Final = {
    "authorize": "where clients send browsers",
    "consent": "what a user decided",
    "sign-in": "the page where users sign in",
    "device": "the page where users let devices in",
    "token": "tokens for clients",
    "device_authorization": "codes for devices",
    "introspect": "what a token is worth",
    "revoke": "the end of a token",
    "userinfo": "who a token is of",
}
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """What an application says of itself as provider.

    ``scopes`` are further ones, each with what a user is told of it; ``templates`` is a folder
    with pages in place of Hekla's own; ``sign_in`` the path of a page of the application's own
    where users sign in, which is told in ``next`` where they have to go on to.
    """

    scopes: Mapping[str, str] = field(default_factory=dict)
    templates: Path | None = None
    sign_in: str | None = None


def create_tables(auth: Auth, dialect: Dialect) -> list[str]:
    """The statements that create the tables of the provider; what is a user's goes with them."""
    statements = create(TABLES, dialect)
    table, key = auth.users.resource.table, auth.users.key.source
    if isinstance(table, sa.Table) and isinstance(key, sa.Column):
        owned = [each.c.user_id for each in (CODES, CONSENTS, DEVICE_CODES)]
        statements += delete_with(table, key, owned, "hekla_oauth_user_gone", dialect)
    return statements


class Provider:
    """Lets other systems sign users in by this application.

    Raises OperatorError if it is not said under which address, or that one cannot be safe.
    """

    def __init__(
        self,
        auth: Auth,
        face: AuthFace,
        router: Router,
        options: ProviderOptions,
        title: str,
        resources: Iterable[str],
    ) -> None:
        self.auth = auth
        self.sign_in = face.sign_in
        self.second = face.second
        self.federation: Federation | None = None
        """Other providers that users may sign in with, on the way to this one."""
        self.prefix = router.prefix
        self.issuer = auth.tokens.issuer
        self.base = auth.settings.public_url + router.prefix
        self._check()
        self.sign_in_path = options.sign_in or f"{self.prefix}/oauth/sign-in"
        self.scopes = {**STANDARD, **options.scopes}
        self.pages = Pages(title, router.prefix, options.templates, self.scopes)
        actions = ("read", "write")
        self.known_scopes = (
            *self.scopes,
            *(f"{name}:{action}" for name in resources for action in actions),
        )
        """Every scope that a client may be registered for."""
        self.tokens = Tokens(auth, self.base)
        self.clients = Clients(auth.store, auth.clock)
        self.grants = Grants(auth, self.tokens)
        self.devices = Devices(auth, self.tokens, f"{self.base}/oauth/device")
        for table in (CODES, DEVICE_CODES):
            auth.forget(table, "forget_at", "digest")
        self._paths: dict[str, tuple[str, ...]] = {}
        self._route(router)

    def listed(self) -> list[tuple[tuple[str, ...], str, str]]:
        """The methods, path and description of each address."""
        return [
            (
                (*methods, *(("HEAD",) if "GET" in methods else ()), "OPTIONS"),
                self.prefix + path,
                _TOLD.get(path.rpartition("/")[2], "what clients have to know"),
            )
            for path, methods in self._paths.items()
        ]

    def _check(self) -> None:
        if not (self.auth.options.cookies and self.auth.options.tokens):
            raise OperatorError("app.oauth() needs the cookies and tokens of app.auth()")
        if not self.auth.settings.public_url:
            raise OperatorError(
                "app.oauth() has to know under which address clients reach the application: set "
                "HEKLA_PUBLIC_URL=https://…"
            )
        parts = urlsplit(self.base)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise OperatorError(
                f"app.oauth() needs TLS: the setting public_url is {self.auth.settings.public_url}"
            )
        if self.issuer != self.base:
            raise OperatorError(
                f"the issuer {self.issuer} has to be the address of the application, {self.base}, "
                f'where clients look for it: app.auth(…, issuer="{self.base}")'
            )

    def _route(self, router: Router) -> None:
        authorize, back = Authorize(self), BackChannel(self)
        device = DevicePage(self, authorize)
        pages: dict[str, dict[str, Any]] = {
            "/oauth/authorize": {"GET": authorize.authorize, "POST": authorize.authorize},
            "/oauth/consent": {"POST": authorize.consent},
            "/oauth/sign-in": {"GET": authorize.sign_in_page, "POST": authorize.sign_in},
            "/oauth/device": {"GET": device.show, "POST": device.decide},
            "/oauth/token": {"POST": back.token},
            "/oauth/device_authorization": {"POST": back.device_authorization},
            "/oauth/introspect": {"POST": back.introspect},
            "/oauth/revoke": {"POST": back.revoke},
            "/oauth/userinfo": {"GET": back.userinfo, "POST": back.userinfo},
            "/.well-known/openid-configuration": {"GET": self._discovery},
            "/.well-known/oauth-authorization-server": {"GET": self._discovery},
        }
        for path, handlers in pages.items():
            router.add_page(path, handlers)
            self._paths[path] = tuple(handlers)
        self.pages.route(router)
        # What a client shows there is looked at there.
        self.auth.authenticate.lenient |= {router.prefix + path for path in pages}

    async def _discovery(self, request: Request) -> Response:
        headers = [("cache-control", "public, max-age=3600")]
        return json_response(self.discovery(), headers=headers)

    def discovery(self) -> dict[str, Any]:
        """What clients can know of the provider (OpenID Connect Discovery 1.0, RFC 8414)."""
        methods = ["client_secret_basic", "client_secret_post"]
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.base}/oauth/authorize",
            "token_endpoint": f"{self.base}/oauth/token",
            "userinfo_endpoint": f"{self.base}/oauth/userinfo",
            "jwks_uri": f"{self.base}/.well-known/jwks.json",
            "introspection_endpoint": f"{self.base}/oauth/introspect",
            "revocation_endpoint": f"{self.base}/oauth/revoke",
            "device_authorization_endpoint": f"{self.base}/oauth/device_authorization",
            "scopes_supported": list(self.known_scopes),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(GRANTS),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.auth.options.algorithm],
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            "introspection_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": [*methods, "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_supported": [
                *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr"),
                *("name", "preferred_username", "email", "email_verified"),
            ],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "ui_locales_supported": ["en", "zh-Hans"],
        }
