"""How long `hekla serve` takes from the command to its first answer.

`python -m benchmarks.starts` starts a database that exists and the example application in turns,
each after a first start that does not count, and the import of the three libraries beside them.
Returns 1 when the best start of either takes longer than the target. `--json` writes the figures
for programs; they hold CPU seconds too, of the whole process tree until the answer, which other
work on the machine changes less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import apsw
import psutil

from benchmarks.server import free_port
from benchmarks.work import ROOT

# Seconds from the command to the first answer, on a machine of its own.
TARGET = 1.0
LIBRARIES = "import sqlalchemy, msgspec, apsw"
PATIENCE = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.rounds)
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, each in figures.items():
        print(
            f"{name:<10} best {min(each['seconds']):.2f} s,"
            f" median {statistics.median(each['seconds']):.2f} s,"
            f" CPU {min(each['cpu']):.2f} s"
        )
    best = max(min(figures[name]["seconds"]) for name in ("database", "example"))
    print(f"target: {TARGET:g} s to the first answer, {'met' if best < TARGET else 'missed'}")
    return int(best >= TARGET)


def measure(folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds and CPU seconds of each round: of the libraries, the database and the example."""
    database = folder / "shop.sqlite"
    connection = apsw.Connection(str(database))
    connection.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
    connection.execute("INSERT INTO tasks VALUES (1, 'first')")
    connection.close()
    example = str(ROOT / "examples" / "tasks" / "app.py")
    runs = {
        "libraries": lambda: _import(),
        "database": lambda: _start(str(database), folder),
        "example": lambda: _start(example, folder),
    }
    figures = {name: {"seconds": [], "cpu": []} for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            seconds, cpu = run()
            figures[name]["seconds"].append(seconds)
            figures[name]["cpu"].append(cpu)
    return figures


def _environment() -> dict[str, str]:
    """That of somebody who starts a server: compiled modules are kept."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("HEKLA_DATABASE_URL", None)
    return environment


def _import() -> tuple[float, float]:
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", LIBRARIES], env=_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{LIBRARIES!r} failed")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def _start(target: str, folder: Path) -> tuple[float, float]:
    port = free_port()
    command = [sys.executable, "-m", "hekla", "serve", target, "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise RuntimeError(f"hekla serve {target} did not answer")
            time.sleep(0.005)
        return time.perf_counter() - started, _cpu(process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/tasks/1") as answer:
            return json.load(answer)["id"] == 1
    except urllib.error.HTTPError:
        raise
    except OSError:
        return False


def _cpu(number: int) -> float:
    main = psutil.Process(number)
    return sum(sum(each.cpu_times()[:2]) for each in [main, *main.children(recursive=True)])


if __name__ == "__main__":
    sys.exit(main())
