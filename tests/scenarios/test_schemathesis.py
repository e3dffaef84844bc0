"""Schemathesis asks what the OpenAPI document admits, and what it does not, of a real server.

Here a part of each database is gone through, always with the same seed. ``HEKLA_SOAK=1`` goes
through all of it, longer, with another seed each time; ``HEKLA_SEED`` repeats one of these.
"""

from __future__ import annotations

import faulthandler
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oddities import build_oddities
from tests.scenarios.samples import samples_app
from tests.servers import ROOT, running

pytest.importorskip("schemathesis")

DATA = ROOT.parent / "shared" / "data"
SOAK = os.environ.get("HEKLA_SOAK") == "1"

EXAMPLE = (
    "(?:create|read|update|delete)_task",
    "(?:create|read|replace|upsert|update|delete)_labels?",
    "(?:history_of_label|changes_of_labels)",
    "service_(?:index|readiness)",
)
# What is gone through where there is little time: patterns of paths, or of operations.
PARTS = {
    "example": ("operation-id", f"^(?:{'|'.join(EXAMPLE)})$"),
    "samples": ("path", r"^/samples(/|$)"),
    "chinook": ("path", r"^/PlaylistTrack"),
    "oddities": ("path", r"^/(keys_text/\{|a%2Fb|parameters/aggregate|view_computed$)"),
}
# How many requests each operation is tried with in a long run, besides those at the boundaries:
# the more operations, the fewer.
EXAMPLES = {"example": 200, "samples": 200, "chinook": 40, "oddities": 15}
# A JSON document that holds a lone surrogate, as RFC 8259 allows, ends schemathesis itself.
LEFT_OUT = {"oddities": r"^/documents"}


def prepare(which: str, folder: Path) -> str:
    """Make the files of an application; what HEKLA_TEST_APP has to say to serve it."""
    place = folder
    if which == "samples":
        place = folder / "samples.db"
        app = samples_app(f"sqlite:///{place}")
        app.sessions.dispose()
    elif which == "oddities":
        place = folder / "oddities.sqlite"
        build_oddities(place)
    elif which == "chinook":
        source = DATA / "chinook.sqlite"
        if not source.exists():
            pytest.skip("needs the sample database chinook.sqlite beside the repository")
        place = Path(shutil.copy(source, folder))
    return f"{which}:{place}"


def run_schemathesis(which: str, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--checks", "all", "--no-color", "--warnings", "off", "--continue-on-failure"]
    command += ["--phases", "examples,coverage,fuzzing,stateful"]
    # A machine that stands still for a while is not a server that does not answer.
    command += ["--request-timeout", "60", "--max-response-time", "60"]
    if SOAK:
        seed = os.environ.get("HEKLA_SEED") or str(secrets.randbits(64))
        command += ["--max-examples", str(EXAMPLES[which]), "--seed", seed]
        # A run takes longer than a test that hangs.
        faulthandler.cancel_dump_traceback_later()
    else:
        kind, pattern = PARTS[which]
        command += ["--max-examples", "5", "--seed", "1", f"--include-{kind}-regex", pattern]
    if which in LEFT_OUT:
        command += ["--exclude-path-regex", LEFT_OUT[which]]
    # A folder of its own: nothing that schemathesis keeps between runs decides about this one.
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("which", PARTS)
def test_schemathesis_finds_no_fault(which: str, tmp_path: Path) -> None:
    """Every check of schemathesis passes: examples, boundaries, fuzzing, chains of requests."""
    environment = {"HEKLA_TEST_APP": prepare(which, tmp_path)}
    with running("hekla", "tests.scenarios.served:app", environment) as server:
        done = run_schemathesis(which, server.url, tmp_path)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout
    # All four phases have run, on all that was chosen.
    chosen, tested = re.findall(r"(?:Selected|Tested): (\d+)", done.stdout)
    assert int(chosen) == int(tested) >= 3
