"""Packages of npm that tests talk to, installed once into a folder of the machine's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

__all__ = ["node_modules"]


def node_modules(*packages: str) -> Path:
    """A folder whose ``node_modules`` holds ``packages``, such as ``openid-client@6.9.0``.

    The test is skipped where there is no npm, or it cannot reach its registry, unless this is a
    CI run: then it fails.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        _give_up("there is no npm on this machine")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hekla-tests"
    folder = root / hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:16]
    if (folder / "node_modules").is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    # Made elsewhere and moved, so that a run that is cut off leaves nothing half done.
    made = Path(tempfile.mkdtemp(dir=root))
    (made / "package.json").write_text('{"private": true, "type": "module"}')
    command = [str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = subprocess.run(
        command, cwd=made, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(made)
        _give_up(f"npm cannot install {', '.join(packages)}: {done.stderr[-500:]}")
    try:
        made.rename(folder)
    except OSError:
        # Another run was faster.
        shutil.rmtree(made)
    return folder


def _give_up(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
