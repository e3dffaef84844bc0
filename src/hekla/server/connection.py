"""Cutting a connection that Granian owns, so that a broken answer cannot pass for a whole one.

RSGI ends every stream as if it had come to its end, whatever happened to the application. A
client that was to get a million rows and got half of them would never know. So the socket is
looked up among the files of this process by its two addresses, and shut down.
"""

from __future__ import annotations

import os
import socket
import stat

__all__ = ["address_text", "cut_connection"]

_OPEN_FILES = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


def cut_connection(server: str, client: str) -> bool:
    """Shut down the connection between two addresses such as ``127.0.0.1:8000``.

    Answers whether it was found. There is no such list of files on Windows.
    """
    try:
        numbers = [int(name) for name in os.listdir(_OPEN_FILES) if name.isdecimal()]
    except OSError:
        return False
    return any(_cut_if_between(number, server, client) for number in numbers)


def _cut_if_between(number: int, server: str, client: str) -> bool:
    try:
        # Sockets only: closing a copy of a database's file would drop its locks.
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return False
        # A copy, since closing the object below must not close Granian's own file.
        with socket.socket(fileno=os.dup(number)) as connection:
            if connection.family not in (socket.AF_INET, socket.AF_INET6):
                return False
            if address_text(*connection.getpeername()[:2]) != client:
                return False
            if address_text(*connection.getsockname()[:2]) != server:
                return False
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Closed in the meantime, or not connected.
        return False
    return True


def address_text(host: str, port: int) -> str:
    """A host and a port as one text: ``127.0.0.1:8000`` or ``[::1]:8000``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
