"""Every limit and knob there is: one frozen value, read from code or from ``HEKLA_…`` variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from hekla.errors import OperatorError

__all__ = ["PREFIX", "Settings", "from_environment"]

PREFIX = "HEKLA_"

_MULTIPLES = {"": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20, "gib": 1 << 30}
_PUBLIC_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[A-Za-z0-9._~/-]*[^/])?"
)
# Appended to the name of a variable: the file that holds its value.
_FILE = "_FILE"
_LARGEST_FILE = 65_536
_AMOUNT = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_WORDS = {"1": True, "true": True, "yes": True, "on": True}
_WORDS |= {"0": False, "false": False, "no": False, "off": False}


def _setting(
    default: Any,
    description: str,
    *,
    minimum: float = 0,
    maximum: float = float("inf"),
    private: bool = False,
) -> Any:
    metadata = {"description": description, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata=metadata, repr=not private)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an application allows and how much of the machine it takes.

    ``Settings()`` holds the defaults, ``Settings.from_environment()`` those of the environment.
    A value out of its bounds raises :class:`~hekla.errors.OperatorError`.
    """

    database_url: str = _setting(
        "sqlite:///hekla.db", "The database, where the application names none.", private=True
    )
    # The budget of one request.
    default_page_size: int = _setting(100, "Rows in a page where the request names no limit.")
    max_page_size: int = _setting(1000, "Most rows in a page; a larger limit is refused.")
    max_embed_depth: int = _setting(5, "How deep `include` may nest.")
    max_embedded_rows: int = _setting(
        100, "Rows that an included list holds for each parent where the request names no limit."
    )
    max_filter_depth: int = _setting(
        8, "How many relations one filter may go through, and how deep conditions may nest."
    )
    max_filter_terms: int = _setting(100, "Most comparisons in the filters of one request.")
    max_in_values: int = _setting(1000, "Most values in one `in` or `not_in` list.")
    max_write_rows: int = _setting(
        1000, "Most rows that one request may change by filter, or one batch may write."
    )
    max_bulk_rows: int = _setting(
        10_000, "Most rows in the array of one request that creates or upserts."
    )
    idempotency_seconds: float = _setting(
        86400.0, "Seconds for which the answer to a request with an `Idempotency-Key` is kept."
    )
    max_batch_operations: int = _setting(100, "Most operations in one batch.")
    max_query_bytes: int = _setting(16384, "Longest query string, in bytes.")
    max_path_bytes: int = _setting(8192, "Longest path of an address, in bytes.")
    max_header_bytes: int = _setting(65536, "Largest header section of a request, in bytes.")
    max_body_bytes: int = _setting(10 << 20, "Largest body of a request, in bytes.")
    body_timeout: float = _setting(30.0, "Seconds that a request's body may take to arrive.")
    max_import_bytes: int = _setting(1 << 30, "Largest body of an import, unpacked, in bytes.")
    import_body_timeout: float = _setting(
        3600.0, "Seconds that the body of an import may take to arrive."
    )
    import_timeout: float = _setting(
        600.0, "Seconds that one transaction of an import may run.", minimum=0.001
    )
    max_imports: int = _setting(
        4, "Imports that may run at once; more are refused with `store_busy`.", minimum=1
    )
    statement_timeout: float = _setting(
        30.0, "Seconds that one statement (or one batch of an export) may run.", minimum=0.001
    )
    # The machine.
    plan_cache_size: int = _setting(1024, "How many compiled statements are kept.", minimum=1)
    inline_budget: float = _setting(
        5.0,
        "Milliseconds that an embedded database may work on the event loop; a statement that "
        "takes longer is run on a thread.",
    )
    threads: int = _setting(4, "Threads that run long statements.", minimum=1, maximum=256)
    max_waiting: int = _setting(
        256, "Long statements that may wait for a thread; more are refused with `store_busy`."
    )
    max_streams: int = _setting(
        16, "Exports that may run at once; more are refused with `store_busy`.", minimum=1
    )
    stream_timeout: float = _setting(
        60.0, "Seconds that an export waits for a client that does not read.", minimum=0.001
    )
    busy_timeout: float = _setting(
        5.0,
        "Seconds that a statement waits for the lock of another process, or for a connection to "
        "the database server.",
    )
    connections: int = _setting(
        8, "Connections to a database server that read, in each worker.", minimum=1, maximum=1000
    )
    write_connections: int = _setting(
        4,
        "Connections to a database server that write, in each worker; as many again for long "
        "writes such as imports.",
        minimum=1,
        maximum=1000,
    )
    statement_cache_size: int = _setting(
        256,
        "Statements that stay prepared on each connection to a database server; 0 for a pooler "
        "that gives each transaction another connection, such as PgBouncer.",
    )
    mmap_bytes: int = _setting(256 << 20, "How much of an SQLite file is read by memory mapping.")
    changes_max_age: int = _setting(
        90 * 24 * 3600, "Seconds for which the change log keeps a change; 0: for ever."
    )
    changes_max_rows: int = _setting(
        10_000_000, "Changes that the change log keeps at most, the newest; 0: any number."
    )
    secret: str = _setting(
        "",
        "Signs cursors and seals what is secret in the database; the same for all workers. "
        "Without it cursors are signed with what is derived from the URL, and nothing is sealed.",
        private=True,
    )
    # Who may call, and how they get here.
    public_url: str = _setting(
        "",
        "The address that clients reach the application at, such as `https://shop.example.com`.",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Hosts that are answered for, such as `shop.example.com` or `*.example.com`; any by "
        "default.",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or networks (`10.0.0.0/8`, `unix`) of proxies that are believed what they "
        "tell of clients; none by default.",
    )
    forwarded_headers: tuple[str, ...] = _setting(
        ("x-forwarded-for", "x-forwarded-proto"),
        "The headers that those proxies set: these two, `x-forwarded-host`, or `forwarded` alone.",
    )
    hsts_seconds: int = _setting(
        180 * 24 * 3600,
        "Seconds for which browsers are told to come by TLS only (sent where TLS is declared); "
        "0: not at all.",
    )
    hsts_subdomains: bool = _setting(False, "Tell them so of all subdomains too.")
    rate_limits: tuple[str, ...] = _setting(
        (), "Rates for all requests, such as `600/minute by address`; none by default."
    )
    auth_rate_limits: tuple[str, ...] = _setting(
        ("60/minute by address",),
        "Rates for what is posted to `/auth` and to the pages of `/oauth`, where these are there.",
    )
    redis_url: str = _setting(
        "",
        "The Redis in which machines share their rates, such as `redis://10.0.0.5/0`; without it "
        "each process counts by itself.",
        private=True,
    )
    # Signing in.
    access_seconds: int = _setting(
        600, "Seconds for which an access token is good.", minimum=10, maximum=86_400
    )
    refresh_seconds: int = _setting(
        30 * 86_400, "Seconds for which a refresh token is good, if it is not used.", minimum=60
    )
    refresh_grace: float = _setting(
        10.0,
        "Seconds within which a refresh token that was just used is good once more, for a client "
        "that did not get the answer.",
        maximum=300,
    )
    token_session_seconds: int = _setting(
        365 * 86_400, "Seconds after which a sign-in of an app ends, used or not.", minimum=60
    )
    session_seconds: int = _setting(
        30 * 86_400, "Seconds after which a sign-in of a browser ends, used or not.", minimum=60
    )
    session_idle_seconds: int = _setting(
        7 * 86_400, "Seconds after which a sign-in of a browser ends that is not used.", minimum=300
    )
    oauth_code_seconds: int = _setting(
        60, "Seconds within which an OAuth client has to redeem a code.", minimum=5, maximum=600
    )
    device_code_seconds: int = _setting(
        600, "Seconds for which a device waits to be let in.", minimum=60, maximum=1800
    )
    signing_key_seconds: int = _setting(
        90 * 86_400, "Seconds after which tokens are signed with a new key.", minimum=86_400
    )
    password_min_length: int = _setting(
        10, "Characters that a new password needs.", minimum=8, maximum=128
    )
    password_breached: str = _setting(
        "",
        "A file of SHA-1 hashes of passwords that have become known, in order, or a folder of "
        "ranges; new passwords are looked up there.",
    )
    password_memory: int = _setting(
        19 << 20, "Memory of one hash of a password, in bytes.", minimum=8 << 20, maximum=1 << 30
    )
    password_passes: int = _setting(
        2, "Passes of one hash of a password over its memory.", minimum=1, maximum=100
    )
    password_hashes: int = _setting(
        2, "Hashes of passwords that one process makes at once.", minimum=1, maximum=64
    )
    password_waiting: int = _setting(
        64, "Passwords that may wait to be hashed; more are refused with `store_busy`."
    )
    signin_attempts: int = _setting(
        5,
        "Tries to sign in to an account from an address that may fail before the next have to "
        "wait, longer each time.",
        minimum=1,
    )
    signin_longest_wait: float = _setting(
        900.0, "Most seconds that one has to wait after tries to sign in that failed.", minimum=1
    )
    mail_url: str = _setting(
        "",
        "How mails are sent, such as `smtp://user:password@mail.example.com:587`; `console:` or "
        "`file:///folder` for development. Without it there are none.",
        private=True,
    )
    mail_from: str = _setting("Hekla <hekla@localhost>", "Whom mails come from.")
    mail_link_seconds: int = _setting(
        3600, "Seconds for which a link in a mail is good.", minimum=60
    )
    proof_seconds: int = _setting(
        900,
        "Seconds for which having signed in is proof enough for what is dangerous; later one has "
        "to show anew who one is.",
        minimum=60,
    )
    known_tokens: int = _setting(
        10_000, "How many tokens and sessions are remembered as good.", minimum=1
    )
    audit_max_age: int = _setting(
        400 * 86_400, "Seconds for which the audit of sign-in is kept; 0: for ever."
    )
    # Who may call.
    cors_origins: tuple[str, ...] = _setting(
        (), "Origins whose pages may read the API (`*` for every one); none by default."
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            low, high = each.metadata["minimum"], each.metadata["maximum"]
            if isinstance(value, int | float) and not low <= value <= high:
                bound = f"at least {low:g}" if value < low else f"at most {high:g}"
                raise OperatorError(f"{each.name} is {value:g}; it has to be {bound}")
        if self.default_page_size > self.max_page_size:
            raise OperatorError(
                f"default_page_size ({self.default_page_size}) is over "
                f"max_page_size ({self.max_page_size})"
            )
        if self.public_url and not _PUBLIC_URL.fullmatch(self.public_url):
            raise OperatorError(
                f"public_url is {self.public_url!r}; it has to be such as "
                "https://shop.example.com, without a slash at its end"
            )
        if "forwarded" in self.forwarded_headers and len(self.forwarded_headers) > 1:
            raise OperatorError(
                "forwarded_headers: a proxy that sets forwarded passes on whatever a client says "
                "in the others; name it alone"
            )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, **overrides: Any
    ) -> Settings:
        """The settings of ``HEKLA_…`` variables; an override that is not None wins.

        ``HEKLA_…_FILE`` names a file that holds the value, as secrets are handed to containers.
        Raises :class:`~hekla.errors.OperatorError` that names the variable.
        """
        environment = os.environ if environment is None else environment
        values = {name: value for name, value in overrides.items() if value is not None}
        types = get_type_hints(cls)
        for each in fields(cls):
            if each.name in values:
                continue
            variable, text = _look_up(PREFIX + each.name.upper(), environment)
            if text is None:
                continue
            try:
                value = _parse(text, types[each.name])
                cls(**{each.name: value}, **_companions(each.name, value))
            except (ValueError, OperatorError) as exc:
                if not each.repr:
                    raise OperatorError(
                        f"{variable} cannot be right; its value is not shown"
                    ) from None
                raise OperatorError(f"{variable}={text!r}: {exc}") from None
            values[each.name] = value
        return cls(**values)


def from_environment(variable: str) -> str | None:
    """The value of a variable, or of the file that ``…_FILE`` names. Raises OperatorError."""
    return _look_up(variable, os.environ)[1]


def _look_up(variable: str, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """The variable that gives a value, and the value: its own, or that of the file it names."""
    text = environment.get(variable)
    path = environment.get(variable + _FILE)
    if path is None:
        return variable, text
    if text is not None:
        raise OperatorError(f"{variable} and {variable}{_FILE} are both set; take one of them")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LARGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text in UTF-8"
        raise OperatorError(f"{variable}{_FILE}: cannot read {path}: {reason}") from None
    if len(text) > _LARGEST_FILE:
        raise OperatorError(f"{variable}{_FILE}: {path} is too large for a value")
    # An editor ends a file with a line break, which belongs to no secret.
    return variable + _FILE, text.removesuffix("\n").removesuffix("\r")


def _companions(name: str, value: Any) -> dict[str, Any]:
    """What keeps a setting valid that is looked at alone."""
    if name == "default_page_size":
        return {"max_page_size": max(1, value)}
    if name == "max_page_size":
        return {"default_page_size": value}
    return {}


def _parse(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    text = text.strip()
    if kind is bool:
        if text.lower() not in _WORDS:
            raise ValueError("expected true or false")
        return _WORDS[text.lower()]
    if kind is int:
        match = _AMOUNT.fullmatch(text)
        if match is None or match[2].lower() not in _MULTIPLES:
            raise ValueError("expected a whole number, such as 1000 or 10MiB")
        return int(match[1]) * _MULTIPLES[match[2].lower()]
    if kind is float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not abs(value) < float("inf"):
            raise ValueError("expected a number")
        return value
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)
