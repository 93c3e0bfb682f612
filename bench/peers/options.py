"""The options of scripts/bench-peers. Standard library alone: read before the environment is there.
"""
from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import shlex
import sys
from typing import NoReturn

from peers.systems import NAMES

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUICK = {"data_sets": ["ml-latest-small"], "ranks": [16], "repeats": 1}
USUAL = {"data_sets": ["ml-1m"], "ranks": [16, 32, 64, 128], "repeats": 3}

DESCRIPTION = """Compares alsatian with its peers on a CPU: one split, one rank, as many threads.

Makes a virtual environment in build/venv-peers with the peers from PyPI (a network is needed once;
a peer that cannot be installed is left out, with the reason), runs every system in processes of
their own and writes peers.md, peers.json and peers.svg. Data: $ALSATIAN_DATA, data/ or
../shared/data; generated-SHAPE is what `alsatian generate --shape SHAPE` writes.
"""


@dataclasses.dataclass(frozen=True)
class Options:
    data_sets: list[str]
    ranks: list[int]
    repeats: int
    threads: int
    seed: int
    systems: list[str]
    program: pathlib.Path
    out: pathlib.Path
    disturbed: bool
    merge: list[pathlib.Path]
    command: str

    @staticmethod
    def refuse(code: int, what: str, remedy: str) -> NoReturn:
        print(f"bench-peers: error: {what}\n  help: {remedy}", file=sys.stderr)
        sys.exit(code)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        Options.refuse(64, message, "scripts/bench-peers --help lists the options")


def positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} must be at least 1")
    return number


def parser() -> Parser:
    result = Parser(prog="bench-peers", description=DESCRIPTION,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--quick", action="store_true",
                        help="ml-latest-small, k = 16, one repeat: minutes")
    result.add_argument("--data-sets", nargs="+", metavar="NAME", help="[default ml-1m]")
    result.add_argument("--ranks", nargs="+", type=positive, metavar="K",
                        help="[default 16 32 64 128]")
    result.add_argument("--repeats", type=positive, metavar="N", help="[default 3]")
    result.add_argument("--threads", type=positive, metavar="N", default=os.cpu_count(),
                        help="of every system [default all cores]")
    result.add_argument("--seed", type=int, default=1, help="of the split [default 1]")
    result.add_argument("--systems", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME",
                        help=f"of {' '.join(NAMES)} [default all]")
    result.add_argument("--disturbed", action="store_true",
                        help="say in the results that other work ran on the same cores")
    result.add_argument("--merge", nargs="+", type=pathlib.Path, metavar="FOLDER", default=[],
                        help="measure nothing; make one table of what earlier runs wrote there")
    result.add_argument("--out", type=pathlib.Path, metavar="FOLDER",
                        default=ROOT / "bench" / "results" / "peers")
    result.add_argument("--program", type=pathlib.Path, metavar="FILE",
                        default=ROOT / "build" / "release" / "alsatian")
    return result


def parse(arguments: list[str] | None = None) -> Options:
    """The options of a command line; an error ends the process with 64, a missing program 66."""
    given = parser().parse_args(arguments)
    chosen = QUICK if given.quick else USUAL
    words = sys.argv[1:] if arguments is None else arguments
    program = given.program.resolve()
    if not program.exists():
        Options.refuse(66, f"--program {given.program}: is not there", "build it with scripts/demo")
    for folder in given.merge:
        if not (folder / "peers.json").exists():
            Options.refuse(66, f"--merge {folder}: has no peers.json",
                           "name the --out folders of earlier runs")
    return Options(**{name: getattr(given, name) or usual for name, usual in chosen.items()},
                   threads=given.threads, seed=given.seed, systems=given.systems, program=program,
                   out=given.out.resolve(), disturbed=given.disturbed, merge=given.merge,
                   command=shlex.join(["scripts/bench-peers", *words]))
