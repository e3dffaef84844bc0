"""What ``hekla serve`` runs: Granian with workers, TLS, a graceful stop and errors of one line."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from hekla.errors import OperatorError
from hekla.server.granian import ServeOptions, _Interrupt, serve
from tests.http1 import exchange
from tests.servers import ROOT, free_port


class Served:
    """A server as a process, and what it has written."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """The first line with the pattern in it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.lines:
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)
        pytest.fail(f"{pattern!r} is not in {self.lines}")

    def end(self) -> int:
        code = self.process.wait(40)
        self._reader.join(5)
        return code


@contextmanager
def served(where: str = "tests.server.application:application", **options: Any) -> Iterator[Served]:
    port = free_port()
    arguments = ["-m", "tests.server.serve", where, str(port), json.dumps(options)]
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Served(process, port)
    try:
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        server.end()
        assert process.stdout is not None
        process.stdout.close()


def test_it_says_where_and_logs_each_request() -> None:
    """The address is said once it can be reached; each request is a line of JSON."""
    with served() as server:
        line = server.wait_for("Serving at")
        assert line.endswith(f"INFO Serving at http://127.0.0.1:{server.port}")
        assert exchange(server.port, "GET", "/tasks?secret=1").status == 200
        entry = json.loads(server.wait_for('"path"'))
        del entry["time"], entry["milliseconds"], entry["request_id"]
        assert entry == {
            "method": "GET",
            "path": "/tasks",
            "status": 200,
            "bytes": 19,
            "actor_id": None,
            "client": "127.0.0.1",
        }


def test_a_signal_lets_what_is_under_way_end() -> None:
    """SIGTERM: the request under way is answered, then the application is shut down."""
    with served() as server:
        server.wait_for("Serving at")
        answers: list[int] = []
        client = threading.Thread(
            target=lambda: answers.append(exchange(server.port, "GET", "/wait/0.7").status)
        )
        client.start()
        time.sleep(0.3)
        server.process.terminate()
        client.join()
        assert answers == [200]
        assert server.end() == 0
        assert "the application was shut down" in server.lines


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.3, None])
def test_a_signal_is_never_lost(seconds: float | None) -> None:
    """A signal while the server starts, or right after it has, ends it at once."""
    with served() as server:
        if seconds is None:
            server.wait_for("Serving at")
        else:
            time.sleep(seconds)
        start = time.monotonic()
        server.process.terminate()
        server.end()
        # Else it would end after the 30 seconds that what is under way is given.
        assert time.monotonic() - start < 12


def test_a_worker_that_dies_is_replaced() -> None:
    """The main process says that a worker died and starts another; the service goes on."""
    with served(workers=2) as server:
        assert server.wait_for("Serving at").endswith("(2 workers)")
        workers = psutil.Process(server.process.pid).children()
        assert len(workers) == 2
        workers[0].kill()
        server.wait_for("Worker 1 died with exit code -9")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and len(_workers(server)) < 2:
            time.sleep(0.05)
        assert len(_workers(server) - {workers[0].pid}) == 2
        assert exchange(server.port, "GET", "/tasks").status == 200


def test_workers_end_with_the_main_process() -> None:
    """Where the main process is killed, nobody could stop its workers any more: they end."""
    with served(workers=2) as server:
        server.wait_for("Serving at")
        workers = psutil.Process(server.process.pid).children()
        server.process.kill()
        _, alive = psutil.wait_procs(workers, timeout=40)
        for worker in alive:
            worker.kill()
        assert not alive
        assert "the application was shut down" in server.lines


def test_a_stop_that_comes_while_a_worker_is_replaced_is_not_forgotten() -> None:
    """What the main process waits for stays set once it was told to stop."""
    stopping = False
    interrupt = _Interrupt(lambda: stopping)
    interrupt.set()
    interrupt.clear()
    assert not interrupt.is_set()
    stopping = True
    interrupt.set()
    interrupt.clear()
    assert interrupt.is_set()


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("tests.server.broken:application", "the database cannot be opened"),
        ("tests.server.broken:missing", "there is no app called missing"),
    ],
)
def test_an_application_that_cannot_start_ends_in_one_line(where: str, reason: str) -> None:
    """Whoever runs it reads one line, and the process has failed."""
    with served(where) as server:
        assert server.end() == 1
        assert server.lines == [f"Error: {reason}"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"host": "not a host"}, "there is no address 'not a host'"),
        ({"host": "192.0.2.1"}, "192.0.2.1 is not an address of this machine"),
        ({"tls_key": Path("key.pem")}, "TLS needs both a certificate and its key"),
        (
            {"tls_certificate": Path("no.pem"), "tls_key": Path("no.pem")},
            "cannot read no.pem: No such file or directory",
        ),
        (
            {"tls_certificate": Path(__file__), "tls_key": Path(__file__)},
            "are not a certificate and its key",
        ),
    ],
)
def test_options_that_cannot_be_right(options: dict[str, Any], reason: str) -> None:
    """What is wrong with an option is said before anything is started."""
    with pytest.raises(OperatorError) as caught:
        serve(pytest.fail, ServeOptions(**{"port": 0, **options}))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_in_use(shared: bool) -> None:
    """A port that somebody listens at is not shared, even with a server that would."""
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OperatorError, match=f"port {port} of localhost is in use"):
            serve(pytest.fail, ServeOptions(host="localhost", port=port))


def test_reload_needs_watchfiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without watchfiles, reload names the extra to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OperatorError, match=r"pip install 'hekla\[reload\]'"):
        serve(pytest.fail, ServeOptions(port=0, reload=True))


def test_tls(tmp_path: Path) -> None:
    """With a certificate it speaks HTTPS, and says so."""
    certificate, key = _certificate(tmp_path)
    with served(tls_certificate=str(certificate), tls_key=str(key)) as server:
        assert f"https://127.0.0.1:{server.port}" in server.wait_for("Serving at")
        context = ssl.create_default_context(cafile=certificate)
        address = f"https://localhost:{server.port}/about/x"
        with urllib.request.urlopen(address, context=context, timeout=5) as answer:
            assert json.load(answer)["scheme"] == "https"


def _workers(server: Served) -> set[int]:
    """The processes of the workers that live."""
    children = psutil.Process(server.process.pid).children()
    return {each.pid for each in children if each.status() != psutil.STATUS_ZOMBIE}


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine for an hour, signed by itself."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
