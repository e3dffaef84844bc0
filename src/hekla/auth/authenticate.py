"""From a request to whoever asks: the way that every request goes.

What was found out about a token or a cookie is remembered, so that to know it again costs a look
into a dictionary. It is forgotten when the beacon shows that somewhere, in whatever process, a
sign-in ended or an account or a role changed; and looked up again after half a minute all the
same, for changes that no process of Hekla's made.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from hekla.actor import ANONYMOUS, Actor
from hekla.auth.cookies import SECURE_PREFIX, SESSION, cookie_value
from hekla.auth.cross_site import check_same_origin
from hekla.auth.jose import InvalidToken
from hekla.auth.moments import Clock, moment, parse_moment
from hekla.auth.random_secret import digest
from hekla.cache import Cache
from hekla.errors import INVALID_TOKEN, Problem
from hekla.settings import Settings
from hekla.store.beacon import Beacon

if TYPE_CHECKING:
    from hekla.auth.sessions import Live, Session, Sessions
    from hekla.auth.tokens import AccessTokens
    from hekla.auth.users import Users
    from hekla.web.request import Request

__all__ = ["Authenticator", "invalid_token"]

# Seconds for which it is believed that nothing changed which no beacon told of.
_TRUST = 30.0
# Seconds between two times that a session's use is put down.
_USED = 60.0


_SAFE = frozenset({"GET", "OPTIONS"})


class _Known:
    """Who a token stands for, until when (seconds), and what the beacon showed when asked."""

    __slots__ = ("actor", "beacon", "until")

    def __init__(self, actor: Actor, until: float, beacon: int) -> None:
        self.actor = actor
        self.until = until
        self.beacon = beacon


Scheme = Callable[[str], Coroutine[Any, Any, tuple[Actor, float]]]
"""Finds out who a token of one kind stands for, and until when; raises InvalidToken."""


class Authenticator:
    """Answers who makes a request. A callable for ``WebApplication.authenticate``.

    ``schemes`` are further kinds of bearer tokens by how they begin; ``lenient`` holds the paths
    where a token that is not valid is no fault, such as those that give out new ones.
    """

    def __init__(
        self,
        users: Users,
        sessions: Sessions,
        tokens: AccessTokens | None,
        beacon: Beacon,
        settings: Settings,
        clock: Clock,
        *,
        cookies: bool,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._tokens = tokens
        self._whole_beacon = beacon
        self._beacon = beacon.view
        self._settings = settings
        self._clock = clock
        self._time = clock.time
        self._cookies = cookies
        self._known: Cache[str, _Known] = Cache(settings.known_tokens)
        # By whole headers with the session's cookie in them, which take long to read.
        self._cookie_headers: Cache[str, _Known] = Cache(settings.known_tokens)
        self.schemes: dict[str, Scheme] = {}
        self.lenient: set[str] = set()
        self.trusted_origins: frozenset[str] = frozenset()
        self.used: dict[str, str] = {}
        """When sessions were used that have to be put down."""

    def open(self) -> None:
        """Look at the beacon where it is now that it is opened."""
        self._beacon = self._whole_beacon.view
        self._known = Cache(self._settings.known_tokens)
        self._cookie_headers = Cache(self._settings.known_tokens)

    def __call__(self, request: Request) -> Actor | Coroutine[Any, Any, Actor]:
        """Who asks, at once where that is known, else once awaited.

        Raises Problem ``invalid_token``, or ``cross_site``.
        """
        first = request.headers.first
        given = first.get("authorization")
        if given is not None:
            return self.recall(given) or self._by_header(request, given)
        if self._cookies and "cookie" in first:
            return self._by_cookie(request)
        return ANONYMOUS

    def recall(self, given: str) -> Actor | None:
        """Who is known by the value of a header; None where that is to be found out.

        ``given`` is that of ``Authorization``, or of the one ``Cookie`` of a request that reads.
        """
        known = self._known.get(given) or self._cookie_headers.get(given)
        if known is not None and known.beacon == self._beacon[0] and known.until > self._time():
            return known.actor
        return None

    # Tokens

    async def _by_header(self, request: Request, given: str) -> Actor:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            # Another way, which somebody in between may have asked for.
            return ANONYMOUS
        token = token.strip()
        # Read first: what changes while the database is asked shows next time.
        beacon = self._beacon[0]
        try:
            actor, until = await self._read(token)
        except InvalidToken:
            if request.path.rstrip("/") in self.lenient:
                return ANONYMOUS
            raise invalid_token() from None
        self._known.put(given, _Known(actor, until, beacon))
        return actor

    async def _read(self, token: str) -> tuple[Actor, float]:
        for prefix, scheme in self.schemes.items():
            if token.startswith(prefix):
                actor, until = await scheme(token)
                return actor, min(until, self._trusted())
        if self._tokens is None:
            raise InvalidToken("there are no tokens here")
        claims = await self._tokens.read(token)
        live = await self._sessions.find(claims["sid"])
        if live is None or live.session.user_id != claims["sub"]:
            raise InvalidToken("its session has ended")
        found = await self.actor(live)
        if found is None:
            raise InvalidToken("its user is gone")
        return found, min(float(claims["exp"]), self._end(live.session), self._trusted())

    # Cookies

    def _by_cookie(self, request: Request) -> Actor | Coroutine[Any, Any, Actor]:
        sent = request.headers.first["cookie"]
        known = self._cookie_headers.get(sent)
        secret = None
        if known is None:
            secret = cookie_value(request, SESSION)
            if secret is None:
                return ANONYMOUS
            known = self._known.get(secret)
        if known is None or known.beacon != self._beacon[0] or known.until <= self._time():
            secret = secret or cookie_value(request, SESSION)
            return ANONYMOUS if secret is None else self._of_session(request, secret)
        if request.method not in _SAFE:
            check_same_origin(request, self.trusted_origins)
        return known.actor

    async def _of_session(self, request: Request, secret: str) -> Actor:
        beacon = self._beacon[0]
        live = await self._sessions.find_secret(digest(secret))
        actor = None if live is None else await self.actor(live)
        if live is None or actor is None:
            # It has ended: the browser shows a cookie that means nothing any more.
            return ANONYMOUS
        until = min(self._end(live.session), self._trusted())
        known = _Known(actor, until, beacon)
        self._known.put(secret, known)
        sent = request.headers.get_all("cookie")
        # Only where the header alone says it: in the form that no neighbour can set.
        if len(sent) == 1 and f"{SECURE_PREFIX}{SESSION}={secret}" in sent[0]:
            self._cookie_headers.put(sent[0], known)
        if request.method not in _SAFE:
            check_same_origin(request, self.trusted_origins)
        return actor

    # Actors

    async def actor(self, live: Live) -> Actor | None:
        """Who a session stands for; None if it has ended, or its user may not sign in."""
        session = live.session
        at = self._clock.now()
        if session.expires_at <= moment(at) or live.disabled:
            return None
        unused = (at - parse_moment(session.used_at)).total_seconds()
        if session.kind == "cookie" and unused > self._settings.session_idle_seconds:
            return None
        try:
            user_id = self._users.parse_id(session.user_id)
        except ValueError:
            return None
        user = await self._users.find(user_id)
        if user is None:
            return None
        if unused > _USED:
            self.used[session.id] = moment(at)
        claims: dict[str, Any] = {
            "sid": session.id,
            "amr": session.methods.split(),
            "auth_time": int(parse_moment(session.proved_at).timestamp()),
        }
        if session.behind is not None:
            claims["behind"] = self._users.parse_id(session.behind)
        if session.client_id is not None:
            claims["client_id"] = session.client_id
        scopes = None if session.scope is None else frozenset(session.scope.split())
        roles = live.roles if scopes is None else live.roles - {"admin"}
        return self._users.actor(user, roles, claims, scopes)

    def _end(self, session: Session) -> float:
        return parse_moment(session.expires_at).timestamp()

    def _trusted(self) -> float:
        """Until when nothing need be looked up again."""
        # Where there is no beacon nobody would say that something changed elsewhere.
        return self._time() + _TRUST if self._whole_beacon.shared else 0.0


def invalid_token() -> Problem:
    """The answer to a bearer token that is not to be believed (RFC 6750, section 3.1)."""
    return Problem(
        INVALID_TOKEN,
        "The token has expired, was revoked, or is none of this application.",
        headers={"www-authenticate": 'Bearer error="invalid_token"'},
    )
