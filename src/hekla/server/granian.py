"""Granian, started from within: what ``hekla serve`` runs.

The main process only watches over its workers. Each worker loads the application itself, so
that no connection or thread of it is ever shared by a fork.
"""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal, NoReturn

from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from hekla.errors import OperatorError
from hekla.server.application import Application
from hekla.server.rsgi import RSGI
from hekla.web.access_log import AccessLog

__all__ = ["ServeOptions", "serve"]

logger = logging.getLogger("hekla")

# The exit code of a worker whose application could not be started (EX_CONFIG of sysexits.h).
_NOT_CONFIGURED = 78
_STOPPING = (signal.SIGINT, signal.SIGTERM)
# Seconds within which a signal that has ended a worker has reached the main process as well.
_GROUP_SIGNAL = 0.2
# Seconds between two looks of a worker whether the main process is still there.
_PARENT = 1.0
# Milliseconds for a request's headers to arrive, and seconds for what is under way to end
# before a worker is killed; shorter where somebody waits to see a change.
_HEADER_TIMEOUT = 15_000
_STOP_TIMEOUT = 30
_RELOAD_STOP_TIMEOUT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where and how to serve; ``reload_paths`` are watched for changes if ``reload`` is set."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    reload: bool = False
    reload_paths: Sequence[Path] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    access_log: Literal["off", "text", "json"] = "off"


def serve(load_app: Callable[[], Application], options: ServeOptions) -> None:
    """Serve an application until a signal ends it; ``load_app`` is called in every worker.

    ``load_app`` has to be picklable where processes are not forked. SIGTERM and SIGINT let
    what is under way come to its end, SIGHUP starts the workers anew one by one.

    Raises OperatorError for what is wrong with the options, the address or the certificate,
    and SystemExit if the application could not be started: the worker has said why.
    """
    address, port = _claim(options.host, options.port)
    _check_tls(options)
    if options.reload and importlib.util.find_spec("watchfiles") is None:
        raise OperatorError("--reload needs watchfiles: pip install 'hekla[reload]'")
    host = f"[{options.host}]" if ":" in options.host else options.host
    scheme = "https" if options.tls_certificate else "http"
    started = multiprocessing.Value("i", 0)
    server = _Server(
        "hekla",
        address=address,
        port=port,
        interface=Interfaces.RSGI,
        workers=options.workers,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT),
        log_level=LogLevels.warning,
        log_dictconfig=_logging(),
        ssl_cert=options.tls_certificate,
        ssl_key=options.tls_key,
        ssl_protocol_min=SSLProtocols.tls12,
        workers_kill_timeout=_RELOAD_STOP_TIMEOUT if options.reload else _STOP_TIMEOUT,
        reload=options.reload,
        reload_paths=list(options.reload_paths) or None,
        reload_filter=_code_filter() if options.reload else None,
        reload_ignore_worker_failure=True,
    )
    server.started = started
    loader = _Loader(
        load_app,
        f"{scheme}://{host}:{port}",
        options.workers,
        options.access_log,
        started,
    )
    _guard_forks()
    server.serve(target_loader=loader, wrap_loader=False)


class _Interrupt(threading.Event):
    """What Granian's main process waits for; a stop that came is never forgotten.

    Granian clears it before it replaces a worker, and with it a signal of that moment.
    """

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        super().__init__()
        self._is_stopping = is_stopping

    def clear(self) -> None:
        super().clear()
        if self._is_stopping():
            self.set()


class _Server(MPServer):
    """Granian's main process: it replaces a worker that dies, but not one that never began."""

    started: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.main_loop_interrupt = _Interrupt(lambda: bool(self.interrupt_signal))

    @property
    def respawn_failed_workers(self) -> bool:
        codes = {index: self.wrks[index].inner.exitcode for index in self.interrupt_children}
        if not self.interrupt_signal and {-number for number in _STOPPING} & {*codes.values()}:
            # It was sent to the whole group, as Ctrl-C is, and is on its way here too.
            time.sleep(_GROUP_SIGNAL)
        if self.interrupt_signal:
            return False
        for index, code in codes.items():
            if code != _NOT_CONFIGURED:
                logger.error("Worker %d died with exit code %s", index + 1, code)
        return bool(self.started.value >= self.workers)

    @respawn_failed_workers.setter
    def respawn_failed_workers(self, value: bool) -> None:
        """Granian sets what it was given; it is not a matter of choice here."""

    def _stop_workers(self) -> None:
        """End the workers, and kill those that take too long.

        Granian itself asks whether a process is alive that another of its threads waits for as
        well, and may take one that has just ended for one that refuses to.
        """
        workers: list[Any] = list(self.wrks)
        running = {worker.inner.sentinel: worker for worker in workers}
        for worker in workers:
            worker.terminate()
        end = time.monotonic() + (self.workers_kill_timeout or _STOP_TIMEOUT)
        while running and (left := end - time.monotonic()) > 0:
            for ended in wait([*running], left):
                del running[ended]
        for worker in running.values():
            logger.warning("Killing worker %d, which does not stop", worker.idx + 1)
            worker.kill()
        for worker in workers:
            worker.join()

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers; SystemExit where one of them failed."""
        try:
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]
        except SystemExit:
            # Ctrl-C goes to the whole group: a worker that it ended by itself has not failed.
            codes = [worker.inner.exitcode for worker in self.wrks]
            if not self.interrupt_signal or _NOT_CONFIGURED in codes:
                raise


@dataclass(frozen=True, slots=True)
class _Loader:
    """Makes the RSGI callable of one worker, in its process."""

    load_app: Callable[[], Application]
    url: str
    workers: int
    access_log: Literal["off", "text", "json"]
    started: Any

    def __call__(self) -> Any:
        around = None if self.access_log == "off" else AccessLog(self.access_log).around
        try:
            worker = _Worker(RSGI(self.load_app(), around), self)
        except OperatorError as exc:
            _give_up(exc)
        # Granian sets its own handlers next: until __rsgi_init__ has seen to them, signals wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        return worker

    def announce(self) -> None:
        """Say where the application is to be found, once all workers have started."""
        with self.started.get_lock():
            self.started.value += 1
            if self.started.value % self.workers:
                return
        workers = f" ({self.workers} workers)" if self.workers > 1 else ""
        logger.info("Serving at %s%s", self.url, workers)


class _Worker:
    """The RSGI callable of one worker, with a beginning that ends in one line if it fails."""

    def __init__(self, rsgi: RSGI, loader: _Loader) -> None:
        self._rsgi = rsgi
        self._loader = loader
        self.__rsgi__ = rsgi.__rsgi__
        self.__rsgi_del__ = rsgi.__rsgi_del__

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Granian's handlers are set by now, but they work only while it serves; a signal that
        # comes before would be lost. So one during the startup ends the process, and one after
        # it waits until the loop runs.
        handlers = {number: signal.signal(number, signal.SIG_DFL) for number in _STOPPING}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        try:
            self._rsgi.__rsgi_init__(loop)
        except OperatorError as exc:
            _give_up(exc)
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        loop.call_soon(self._begin)

    def _begin(self) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        self._loader.announce()
        self._stay_with(os.getppid(), asyncio.get_running_loop())

    def _stay_with(self, parent: int, loop: asyncio.AbstractEventLoop) -> None:
        """End when the main process is gone: nobody could stop this one any more."""
        if os.getppid() != parent:
            logger.warning("The main process is gone; this worker ends too")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        loop.call_later(_PARENT, self._stay_with, parent, loop)


def _code_filter() -> Any:
    """What is watched: Python files, and not the database that the application writes to."""
    from watchfiles import PythonFilter

    return PythonFilter


def _guard_forks() -> None:
    """Let a worker be ended by a signal from its first moment on.

    The handlers it inherits from the main process would swallow the signal, and the worker
    would have to be killed in the end; so no signal comes through until they are gone.
    """
    if not hasattr(os, "register_at_fork"):
        return
    main = os.getpid()
    forking = False

    def before() -> None:
        nonlocal forking
        forking = os.getpid() == main
        if forking:
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)

    def in_parent() -> None:
        if forking:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    def in_child() -> None:
        if forking:
            for number in _STOPPING:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _give_up(reason: OperatorError) -> NoReturn:
    sys.stderr.write(f"Error: {reason}\n")
    sys.exit(_NOT_CONFIGURED)


def _claim(host: str, port: int) -> tuple[str, int]:
    """The numeric address and the port to listen at; port 0 becomes one that is free.

    Raises OperatorError if nobody can listen there. Granian itself would share the port with
    another Granian, and requests would go to either.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise OperatorError(f"there is no address {host!r}: {exc.strerror}") from exc
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    family, kind, protocol, _, address = found[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return str(address[0]), int(probe.getsockname()[1])
    except OSError as exc:
        raise OperatorError(_cannot_listen(host, port, exc)) from exc


def _cannot_listen(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop what listens there or choose another --port"
    if exc.errno == errno.EACCES:
        return f"port {port} needs more rights; choose a --port from 1024 on"
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; choose another --host"
    return f"cannot listen at port {port} of {host}: {exc.strerror}"


def _check_tls(options: ServeOptions) -> None:
    """Raise OperatorError for a certificate or a key that cannot be used."""
    certificate, key = options.tls_certificate, options.tls_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise OperatorError("TLS needs both a certificate and its key")
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as exc:
            raise OperatorError(f"cannot read {path}: {exc.strerror}") from exc
    try:
        # A password would be asked for on the terminal otherwise.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except (OSError, ValueError) as exc:
        raise OperatorError(
            f"{certificate} and {key} are not a certificate and its key in PEM, without a password"
        ) from exc


class NotGranians(logging.Filter):
    """Drops what Granian says of a worker's end: either we have said why, or we say it better."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Unexpected exit from worker")


def _logging() -> dict[str, Any]:
    """Everything that is no answer goes to standard error; Granian speaks of faults only."""
    handler = {
        "class": "logging.StreamHandler",
        "formatter": "line",
        "filters": ["ours"],
        "stream": "ext://sys.stderr",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
        "filters": {"ours": {"()": NotGranians}},
        "handlers": {"console": handler},
        "loggers": {
            "_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False},
            "hekla": {"handlers": ["console"], "level": "INFO", "propagate": False},
        },
    }
