"""The virtual environment with the peers as their users install them from PyPI.

Standard library alone: this runs before the environment is there. A peer that cannot be installed
is left out, and the reason goes into the table.
"""
from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

TOOLS = ("numpy", "pandas", "scipy", "matplotlib")


def python_of(folder: pathlib.Path) -> pathlib.Path:
    return folder / "bin" / "python"


def pip(folder: pathlib.Path, *packages: str) -> str | None:
    """Installs packages; None, or the last line of what pip said where it could not."""
    done = subprocess.run([python_of(folder), "-m", "pip", "install", "--quiet",
                           "--disable-pip-version-check", "--retries", "1", *packages],
                          capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in said if line.startswith("ERROR")] or said
    return None if done.returncode == 0 else errors[-1].strip()


def create(folder: pathlib.Path) -> str | None:
    """Makes the environment with what the harness itself needs; None, or why it could not."""
    if (folder / "tools").exists():
        return None
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True)
    if made.returncode != 0:
        return (made.stderr or made.stdout).strip()
    failure = pip(folder, *TOOLS)
    if failure is None:
        (folder / "tools").touch()
    return failure


def install_peers(folder: pathlib.Path, packages: list[str]) -> dict[str, str]:
    """Installs each peer once; the reason for each that is not there, also from earlier tries."""
    notes = folder / "missing.json"
    tried: dict[str, str | None] = json.loads(notes.read_text()) if notes.exists() else {}
    for package in packages:
        if package not in tried:
            print(f"bench-peers: installing {package}", file=sys.stderr, flush=True)
            if package == "pyspark" and shutil.which("java") is None:
                tried[package] = "there is no Java (Debian: apt install default-jre-headless)"
            else:
                tried[package] = pip(folder, package)
            notes.write_text(json.dumps(tried, indent=1))
    return {package: tried[package] for package in packages if tried[package]}


def versions(folder: pathlib.Path, packages: list[str]) -> dict[str, str]:
    """The installed version of each package that is there."""
    code = ("import importlib.metadata as m, json, sys\n"
            "found = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
            "print(json.dumps({p: found[p] for p in sys.argv[1:] if p in found}))\n")
    done = subprocess.run([python_of(folder), "-c", code, *packages], capture_output=True,
                          text=True, check=True)
    return json.loads(done.stdout)
