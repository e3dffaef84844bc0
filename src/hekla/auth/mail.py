"""Mails: sent by SMTP, or shown where there is none yet. Whoever asked does not wait for them.

The setting ``mail_url`` says how: ``smtp://user:password@host:587`` (STARTTLS, unless the host is
this machine), ``smtps://…`` (TLS from the first byte), ``console:`` or ``file:///folder`` for
development. Without it there are no mails, nor what needs them.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from hekla.auth.random_secret import new_id
from hekla.errors import OperatorError
from hekla.settings import Settings

__all__ = ["Mailer"]

logger = logging.getLogger("hekla.auth")

Send = Callable[[EmailMessage], None]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SECONDS = 30.0
_TRIES = (0.0, 5.0, 60.0)
# Mails that may wait; more are given up, and logged.
_WAITING = 1000


class Mailer:
    """Sends mails in the background; ``close`` waits for those that are on their way."""

    def __init__(self, settings: Settings) -> None:
        self._from = settings.mail_from
        self._send = _sender(settings.mail_url)
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Semaphore(4)

    def send(self, to: str, subject: str, text: str) -> None:
        """Have a mail sent. What cannot be an address, or a subject, raises ValueError."""
        message = EmailMessage(policy=SMTP)
        # EmailMessage refuses a line break in a header, and so a header of somebody's own.
        message["From"] = self._from
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=parseaddr(self._from)[1].rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        if len(self._tasks) >= _WAITING:
            logger.error("a mail was given up: %d are waiting already", _WAITING)
            return
        task = asyncio.create_task(self._deliver(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until no mail is on its way any more, for some seconds at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Wait until all mails are sent."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _deliver(self, message: EmailMessage) -> None:
        async with self._one_at_a_time:
            for pause in _TRIES:
                await asyncio.sleep(pause)
                try:
                    await asyncio.to_thread(self._send, message)
                    return
                except (OSError, smtplib.SMTPException) as error:
                    # Neither the text, which holds a secret, nor whom it is for.
                    logger.warning("a mail could not be sent: %s", type(error).__name__)
            logger.error("a mail was given up after %d tries", len(_TRIES))


def _sender(url: str) -> Send:
    parts = urlsplit(url)
    match parts.scheme:
        case "console":
            return _print
        case "file":
            return _Folder(Path(unquote(parts.path))).write
        case "smtp" | "smtps" if parts.hostname:
            return _Smtp(parts).send
        case _:
            raise OperatorError(
                "mail_url has to be such as smtp://user:password@mail.example.com:587, "
                "console: or file:///folder"
            )


def _print(message: EmailMessage) -> None:
    sys.stderr.write(f"\n{_readable(message)}\n")


def _readable(message: EmailMessage) -> str:
    head = "".join(f"{name}: {message[name]}\n" for name in ("From", "To", "Subject"))
    return f"{head}\n{message.get_content()}"


class _Folder:
    """A file for each mail, in the order in which they were sent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, message: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{new_id()[:8]}.eml"
        self._folder.joinpath(name).write_text(_readable(message), encoding="utf-8")


class _Smtp:
    """A server for mails (RFC 5321). TLS is asked of every server but one on this machine."""

    def __init__(self, parts: SplitResult) -> None:
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "smtps"
        try:
            self._port = parts.port or (465 if self._secure else 587)
        except ValueError:
            raise OperatorError("mail_url: the port is no number") from None
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")

    def send(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self._secure:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        with server:
            if not self._secure and self._host not in _LOOPBACK:
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
            server.send_message(message)
