"""Makes the one split of a data set that every system trains and is tested on.

Every system reads the same two files; none splits by itself. Rows are known by their ids' order,
so that factors saved by different systems can be multiplied by one function.
"""
from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ("ratings.csv", "ratings_all_3col.csv", "ratings.dat", "u.data")


@dataclasses.dataclass(frozen=True)
class Ratings:
    """Triples of equal length; ids as written, integers."""
    users: numpy.ndarray
    items: numpy.ndarray
    values: numpy.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: numpy.ndarray) -> Ratings:
        return Ratings(self.users[rows], self.items[rows], self.values[rows])


@dataclasses.dataclass(frozen=True)
class Split:
    """Files of training and test ratings, userId,movieId,rating with a header."""
    train: pathlib.Path
    test: pathlib.Path


def read_ratings(path: pathlib.Path) -> Ratings:
    """Ratings of a file: comma with a header, tabs or `::`; columns past the third are ignored."""
    with path.open() as stream:
        first = stream.readline()
    separator = next(mark for mark in ("::", "\t", ",") if mark in first)
    skipped = 0 if re.match(r"\d", first) else 1
    if separator == "::":
        text = path.read_text(encoding="latin-1").replace("::", ",").splitlines()
        table = numpy.loadtxt(text, delimiter=",", usecols=(0, 1, 2))
    else:
        table = numpy.loadtxt(path, delimiter=separator, skiprows=skipped, usecols=(0, 1, 2))
    return Ratings(table[:, 0].astype(numpy.int64), table[:, 1].astype(numpy.int64), table[:, 2])


def without_duplicates(ratings: Ratings) -> Ratings:
    """Of several ratings of an item by a user the last one in the file, in file order."""
    backwards = numpy.stack([ratings.users[::-1], ratings.items[::-1]])
    _, first = numpy.unique(backwards, axis=1, return_index=True)
    return ratings.take(numpy.sort(len(ratings) - 1 - first))


def divide(ratings: Ratings, seed: int) -> tuple[Ratings, Ratings]:
    """Training and test rows in file order: default_rng(seed)'s permutation, its first tenth."""
    order = numpy.random.default_rng(seed).permutation(len(ratings))
    tests = len(ratings) // 10
    return ratings.take(numpy.sort(order[tests:])), ratings.take(numpy.sort(order[:tests]))


def write_ratings(path: pathlib.Path, ratings: Ratings) -> pathlib.Path:
    with path.open("w") as stream:
        stream.write("userId,movieId,rating\n")
        stream.writelines(f"{user},{item},{value:g}\n" for user, item, value in
                          zip(ratings.users.tolist(), ratings.items.tolist(),
                              ratings.values.tolist()))
    return path


def find(name: str) -> pathlib.Path | None:
    """The ratings file of a real data set; None where it is not here."""
    folders = [ROOT / "data", ROOT.parent / "shared" / "data"]
    if os.environ.get("ALSATIAN_DATA"):
        folders.insert(0, pathlib.Path(os.environ["ALSATIAN_DATA"]))
    paths = (folder / name / file for folder in folders for file in FILES)
    return next((path for path in paths if path.exists()), None)


def source_of(name: str, program: pathlib.Path, work: pathlib.Path) -> pathlib.Path | None:
    """The ratings file of a data set; generated-SHAPE is made by `alsatian generate`."""
    if not name.startswith("generated-"):
        return find(name)
    path = work / f"{name}.csv"
    subprocess.run([program, "generate", "--quiet", "--shape", name.removeprefix("generated-"),
                    "--out", path], check=True)
    return path


def make_split(source: pathlib.Path, seed: int, folder: pathlib.Path) -> Split:
    """Writes the 90/10 split of a file. The same file and seed give the same bytes."""
    train, test = divide(without_duplicates(read_ratings(source)), seed)
    folder.mkdir(parents=True, exist_ok=True)
    return Split(write_ratings(folder / "train.csv", train),
                 write_ratings(folder / "test.csv", test))
