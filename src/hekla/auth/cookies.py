"""Cookies that a browser keeps for this host alone, and shows to no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hekla.auth.origin import address_of

if TYPE_CHECKING:
    from hekla.web.request import Request

__all__ = ["DEVICE", "SECURE_PREFIX", "SESSION", "clear_cookie", "cookie_value", "set_cookie"]

SESSION = "hekla-session"
DEVICE = "hekla-device"

# RFC 6265bis, section 4.1.3.2: secure, of this host, for all paths, or the browser refuses it.
SECURE_PREFIX = "__Host-"
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "::1"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via")
_LONGEST = 256


def is_development(request: Request) -> bool:
    """Whether a browser asks over http on the machine itself, with no proxy in between.

    Only then a cookie without ``Secure`` is given out and taken: browsers differ in whether they
    keep others there.
    """
    if request.scheme != "http":
        return False
    first = request.headers.first
    host = (request.authority or "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return (
        name in _LOOPBACK_HOSTS
        and address_of(request.client) in _LOOPBACK_ADDRESSES
        and not any(header in first for header in _FORWARDED)
    )


def cookie_value(request: Request, name: str) -> str | None:
    """The value of a cookie that this host has set; None if there is none.

    Of two of one name neither is taken: another host of the same site may have set one.
    """
    headers = request.headers
    sent = headers.first.get("cookie")
    if sent is None or name not in sent:
        return None
    # HTTP/2 may send each cookie as a header of its own (RFC 9113, section 8.2.3).
    found = _values("; ".join(headers.get_all("cookie")), SECURE_PREFIX + name)
    if not found and is_development(request):
        found = _values("; ".join(headers.get_all("cookie")), name)
    if len(found) != 1 or not 0 < len(found[0]) <= _LONGEST:
        return None
    return found[0]


def _values(sent: str, name: str) -> list[str]:
    pairs = (part.strip().partition("=") for part in sent.split(";"))
    return [value for own, _, value in pairs if own == name]


def set_cookie(request: Request, name: str, value: str, seconds: int) -> tuple[str, str]:
    """The header that has a browser keep a cookie for that long."""
    rest = f"Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    if is_development(request):
        return "set-cookie", f"{name}={value}; {rest}"
    return "set-cookie", f"{SECURE_PREFIX}{name}={value}; {rest}; Secure"


def clear_cookie(request: Request, name: str) -> tuple[str, str]:
    """The header that has a browser forget a cookie."""
    return set_cookie(request, name, "", 0)
