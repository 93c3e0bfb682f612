"""The command: python -m peers, inside the environment that scripts/bench-peers makes.

What the results say of themselves (machine, commit, command) is put together here.
"""
from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

from peers import environment, report
from peers.options import Options, parse
from peers.runner import Bench, TestSet
from peers.splits import ROOT, make_split, source_of
from peers.systems import System, system_of


def git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True,
                          text=True).stdout.strip()


def facts_of(options: Options, missing: dict[str, str], versions: dict[str, str]) -> report.Facts:
    """What the results say of themselves, as it is when the runs begin."""
    cpu = re.search("model name\\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"command": options.command, "date": datetime.date.today().isoformat(),
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", ".", ":!bench/results")),
            "cpu": cpu[1] if cpu else "unknown", "cores": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "python": platform.python_version(), "threads": options.threads,
            "repeats": options.repeats, "seed": options.seed, "versions": versions,
            "missing": missing, "disturbed": options.disturbed}


def versions_of(systems: list[System], program: pathlib.Path) -> dict[str, str]:
    packages = [system.package for system in systems if system.package]
    installed = environment.versions(pathlib.Path(sys.prefix), packages)
    own = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()[1]
    return {system.name: installed.get(system.package, "") if system.package else own
            for system in systems}


def measure(options: Options) -> None:
    """Runs everything that the options name and writes the results after every rank."""
    missing = json.loads(os.environ.get("ALSATIAN_PEERS_MISSING", "{}"))
    systems = [system_of(name) for name in options.systems]
    lacking = {system.name: missing[system.package] for system in systems
               if system.package in missing}
    systems = [system for system in systems if system.name not in lacking]
    facts = facts_of(options, lacking, versions_of(systems, options.program))
    results: list[report.Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as name:
        work = pathlib.Path(name)
        for data in options.data_sets:
            source = source_of(data, options.program, work)
            if source is None:
                options.refuse(66, f"--data-sets {data}: is not here",
                               f"fetch it with data/fetch {data}")
            split = make_split(source, options.seed, work / data)
            test = TestSet.of(split)
            for rank in options.ranks:
                bench = Bench(options.program, options.threads, options.repeats, work)
                runs = bench.measure(systems, split, test, rank)
                facts["missing"] |= {name: f"{why} ({data}, k = {rank})"
                                     for name, why in bench.failures.items()}
                results.append({"data": data, "rank": rank, "runs": runs})
                # After every rank: what is measured is kept if a later one is interrupted.
                report.write([facts], results, options.out)


def main() -> None:
    options = parse()
    if options.merge:
        report.write(*report.merge(options.merge), options.out)
    else:
        measure(options)
    print((options.out / "peers.md").read_text(), end="")


if __name__ == "__main__":
    main()
