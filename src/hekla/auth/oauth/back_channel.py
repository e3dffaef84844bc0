"""What clients ask without a browser: tokens, what they are worth, and their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from hekla.auth.jose import InvalidToken
from hekla.auth.oauth.client import DEVICE_GRANT, Client, check_client, read_credentials
from hekla.auth.oauth.errors import OAuthError
from hekla.auth.oauth.form import error_response, json_answer, read_form
from hekla.auth.oauth.scopes import OPENID
from hekla.auth.origin import origin_of
from hekla.web.response import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hekla.auth.oauth.provider import Provider
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request

__all__ = ["BackChannel"]

Handler = Callable[["Request"], Awaitable[Response]]
_LONGEST_TOKEN: Final = 8192


def answering(handler: Callable[[Any, Request], Awaitable[Response]]) -> Any:
    """A handler whose OAuthErrors are its answers."""

    async def answered(self: Any, request: Request) -> Response:
        try:
            return await handler(self, request)
        except OAuthError as error:
            return error_response(error)

    return answered


class BackChannel:
    """``token``, ``introspect``, ``revoke``, ``device_authorization`` and ``userinfo``."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def _client(self, request: Request, form: Mapping[str, str]) -> Client:
        """The client that a request is from. Raises OAuthError."""
        credentials = read_credentials(request.headers.get("authorization"), form)
        client = await self._provider.clients.find(credentials.client_id)
        return check_client(client, credentials, self._provider.clients.now())

    @answering
    async def token(self, request: Request) -> Response:
        """Tokens for what a client shows (RFC 6749, section 3.2)."""
        form = await read_form(request)
        client = await self._client(request, form)
        grants, origin = self._provider.grants, origin_of(request)
        match form.get("grant_type"):
            case "authorization_code":
                answer = await grants.by_code(client, form, origin)
            case "refresh_token":
                answer = await grants.by_refresh(client, form, origin)
            case "client_credentials":
                answer = await grants.by_itself(client, form, origin)
            case grant if grant == DEVICE_GRANT:
                answer = await self._provider.devices.by_code(client, form, origin)
            case None:
                raise OAuthError("invalid_request", "grant_type has to be there.")
            case _:
                raise OAuthError("unsupported_grant_type", "There is no such grant here.")
        return json_answer(answer)

    @answering
    async def device_authorization(self, request: Request) -> Response:
        """Codes for a device that has no browser (RFC 8628, section 3.1)."""
        form = await read_form(request)
        client = await self._client(request, form)
        return json_answer(await self._provider.devices.begin(client, form))

    @answering
    async def introspect(self, request: Request) -> Response:
        """What a token is worth (RFC 7662), for the client it is of, or a resource server."""
        form = await read_form(request)
        client = await self._client(request, form)
        if client.public:
            raise OAuthError("invalid_client", "Introspection is for clients with a secret.")
        try:
            shown = await self._provider.tokens.read(_token(form))
        except InvalidToken:
            return json_answer({"active": False})
        if not client.inspects and shown.live.session.client_id != client.id:
            # Nothing is told about the tokens of others, not even that they are some.
            return json_answer({"active": False})
        session = shown.live.session
        document = {
            "active": True,
            "scope": " ".join(sorted(shown.scopes)),
            "client_id": session.client_id or shown.claims.get("client_id"),
            "token_type": "Bearer" if shown.kind == "access_token" else "refresh_token",
        }
        for name in ("iss", "sub", "aud", "exp", "iat", "nbf", "jti"):
            if name in shown.claims:
                document[name] = shown.claims[name]
        return json_answer(document)

    @answering
    async def revoke(self, request: Request) -> Response:
        """End what a token is of, at once (RFC 7009).

        A token that is not good, or not the client's, is answered as one that was.
        """
        form = await read_form(request)
        client = await self._client(request, form)
        auth = self._provider.auth
        try:
            shown = await self._provider.tokens.read(_token(form))
        except InvalidToken:
            return json_answer({})
        session, origin = shown.live.session, origin_of(request)
        if session.client_id != client.id:
            return json_answer({})

        async def work(tx: Transaction) -> None:
            if await auth.sessions.end(tx, session.id):
                await auth.audit.write(
                    tx,
                    "oauth_revoked",
                    origin,
                    user_id=session.user_id,
                    session_id=session.id,
                    client_id=client.id,
                )

        await auth.write(work)
        return json_answer({})

    async def userinfo(self, request: Request) -> Response:
        """Who a token is of (OpenID Connect Core, section 5.3)."""
        provider = self._provider
        scheme, _, token = (request.headers.get("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            response = error_response(OAuthError("invalid_token", "There is no token."))
            response.headers[-1] = ("www-authenticate", "Bearer")
            return response
        try:
            if len(token) > _LONGEST_TOKEN:
                raise InvalidToken("it is too long")
            shown = await provider.tokens.read_access(token.strip())
            if OPENID not in shown.scopes:
                raise OAuthError("insufficient_scope", "The token has not the scope openid.")
            users = provider.auth.users
            user = await users.find(users.parse_id(shown.live.session.user_id))
            if user is None:
                raise InvalidToken("its user is gone")
        except InvalidToken:
            error = OAuthError("invalid_token", "The token is not good, or not any more.")
            return error_response(error, "Bearer")
        except OAuthError as error:
            return error_response(error, "Bearer")
        return json_answer(await provider.tokens.user_claims(user, shown.scopes))


def _token(form: Mapping[str, str]) -> str:
    token = form.get("token")
    if token is None:
        raise OAuthError("invalid_request", "token has to be there.")
    if len(token) > _LONGEST_TOKEN:
        raise InvalidToken("it is too long")
    return token
