"""What signing in costs the others: `python -m benchmarks.sign_in`.

Point reads of one server process, anonymous, with a token and with a cookie, in turns, and with a
header as long as a token's that means nothing; then anonymous ones while others sign in as fast as
they are let. wrk makes the load. Of a machine that has other things to do, look at the processor's
time that the server took for each request.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median

import psutil

from benchmarks.load import require_wrk

APP = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from hekla import Hekla, everyone
from hekla.auth import UserMixin
class Base(DeclarativeBase): pass
class User(UserMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
app = Hekla("sqlite:///bench.db")
app.auth(User, registration=True)
app.resource(Task, read=everyone)
@app.on_startup
def fill():
    app.create_tables()
    with app.session() as session, session.begin():
        if session.get(Task, 1) is None:
            session.add_all(Task(id=n, title=f"Task {n}") for n in range(1, 1001))
"""
PORT, ROUNDS, SECONDS = 8765, 7, 2
URL = f"http://127.0.0.1:{PORT}"
PASSWORD = "seven red bicycles"


def post(path, document):
    request = urllib.request.Request(
        URL + path, json.dumps(document).encode(), {"content-type": "application/json"}
    )
    return urllib.request.urlopen(request)


def used(server):
    """Seconds of the processor that the server and its workers took."""
    processes = [server, *server.children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def load(*headers, server=None):
    """Requests a second of `GET /tasks/7`, and microseconds of the processor for each."""
    command = [require_wrk(), "-t1", "-c32", f"-d{SECONDS}s"]
    for header in headers:
        command += ["-H", header]
    before = used(server)
    said = subprocess.run([*command, f"{URL}/tasks/7"], capture_output=True, text=True).stdout
    assert "Non-2xx" not in said, said
    took = used(server) - before
    count = int(re.search(r"(\d+) requests in", said)[1])
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), took / count * 1e6


def measure(server):
    document = {"email": "ann@example.org", "password": PASSWORD}
    tokens = json.loads(post("/auth/register", document).read())
    answer = post("/auth/login", {**document, "cookie": True, "device": tokens["device"]})
    secret = answer.headers.get_all("set-cookie")[0].partition(";")[0].partition("=")[2]
    # As a browser sends it over TLS: in development it has another name.
    cookie = f"__Host-hekla-session={secret}"
    kinds = {
        "anonymous": (),
        "long header": (f"X-Nothing: Bearer {'x' * len(tokens['access_token'])}",),
        "token": (f"Authorization: Bearer {tokens['access_token']}",),
        "cookie": (f"Cookie: {cookie}",),
    }
    found = {kind: [] for kind in kinds}
    load(server=server)
    for _ in range(ROUNDS):
        for kind, headers in kinds.items():
            found[kind].append(load(*headers, server=server))
    base, cost = (median(figures) for figures in zip(*found["anonymous"], strict=True))
    for kind, pairs in found.items():
        rate, took = (median(figures) for figures in zip(*pairs, strict=True))
        print(
            f"{kind:>12}  {rate:8.0f} requests/s {rate / base:6.1%}"
            f"   {took:6.1f} us of the processor {took / cost:6.1%}"
        )
    done, stop = [], threading.Event()

    def sign_in():
        while not stop.is_set():
            with post("/auth/login", {**document, "device": tokens["device"]}) as told:
                done.append(told.status)

    for people in (1, 4):
        alone, busy = [], []
        for _ in range(ROUNDS):
            alone.append(load(server=server)[0])
            stop.clear()
            done.clear()
            threads = [threading.Thread(target=sign_in) for _ in range(people)]
            began = time.perf_counter()
            for thread in threads:
                thread.start()
            busy.append(load(server=server)[0])
            stop.set()
            for thread in threads:
                thread.join()
            rate = len(done) / (time.perf_counter() - began)
        share = median(busy) / median(alone)
        print(f"{people} signing in without a pause ({rate:.0f}/s): {share:.1%} of the reads")


def main():
    environment = {**os.environ, "HEKLA_AUTH_RATE_LIMITS": "", "HEKLA_SIGNIN_ATTEMPTS": "1000000"}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(APP)
        command = [sys.executable, "-m", "hekla", "serve", "app.py", "--port", str(PORT)]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        try:
            for _ in range(600):
                time.sleep(0.1)
                try:
                    urllib.request.urlopen(f"{URL}/healthz").read()
                    break
                except OSError:
                    continue
            measure(psutil.Process(server.pid))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
