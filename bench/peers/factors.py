"""What a system learned, in one form for all, and the test RMSE of it.

The RMSE is computed here, in double, from saved factors: no system's own figure is believed, and
LIBMF's Python predict() returns wrong values. What averages over draws has no factors: of it the
predictions are taken.
"""
from __future__ import annotations

import dataclasses
import json
import pathlib
import struct

import numpy


@dataclasses.dataclass(frozen=True)
class Factors:
    """A fitted model. Rows follow the ascending ids of the training part.

    users [users, k], items [items, k], user_biases [users], item_biases [items]
    mean: what is predicted where nothing else is known
    centered: whether a prediction is mean + biases + product, or the product alone
    """
    users: numpy.ndarray
    items: numpy.ndarray
    user_biases: numpy.ndarray
    item_biases: numpy.ndarray
    mean: float
    centered: bool

    def save(self, path: pathlib.Path) -> None:
        numpy.savez(path, **dataclasses.asdict(self))

    @staticmethod
    def load(path: pathlib.Path) -> Factors:
        with numpy.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        arrays["mean"] = float(arrays["mean"])
        arrays["centered"] = bool(arrays["centered"])
        return Factors(**arrays)


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a system that averages over draws predicts for the test rows, in their order."""
    values: numpy.ndarray

    def save(self, path: pathlib.Path) -> None:
        numpy.savez(path, predictions=self.values)


def predictions_of(path: pathlib.Path, users: numpy.ndarray, items: numpy.ndarray) -> numpy.ndarray:
    """What was saved predicts for pairs of rows, -1 for unseen ones: as it is, or from factors."""
    with numpy.load(path) as file:
        if "predictions" in file.files:
            return file["predictions"]
    return predict(Factors.load(path), users, items)


def without_biases(users: numpy.ndarray, items: numpy.ndarray, mean: float) -> Factors:
    """A model whose prediction is the product alone."""
    return Factors(users, items, numpy.zeros(len(users)), numpy.zeros(len(items)), mean, False)


def rows_of(ids: numpy.ndarray, known: numpy.ndarray) -> numpy.ndarray:
    """The place of each id among the known ones, which ascend; -1 where it is not there."""
    rows = numpy.searchsorted(known, ids)
    rows[rows == len(known)] = 0
    return numpy.where(known[rows] == ids, rows, -1)


def predict(factors: Factors, users: numpy.ndarray, items: numpy.ndarray,
            block: int = 1 << 18) -> numpy.ndarray:
    """Predictions in double, unclipped; a row of -1 is unknown and contributes nothing.

    A product alone says nothing of a pair with an unknown side, which gets the mean instead.
    """
    result = numpy.full(len(users), factors.mean)
    for start in range(0, len(users), block):
        part = slice(start, start + block)
        user, item = users[part], items[part]
        known = (user >= 0) & (item >= 0)
        product = numpy.einsum("nk,nk->n", factors.users[user].astype(float),
                               factors.items[item].astype(float))
        if factors.centered:
            result[part] += numpy.where(user >= 0, factors.user_biases[user], 0)
            result[part] += numpy.where(item >= 0, factors.item_biases[item], 0)
            result[part] += numpy.where(known, product, 0)
        else:
            result[part] = numpy.where(known, product, result[part])
    return result


def rmse(predictions: numpy.ndarray, values: numpy.ndarray) -> float:
    """Root mean squared error over all pairs; not finite where a prediction is not."""
    errors = predictions - values
    return float(numpy.sqrt(numpy.mean(errors * errors)))


def read_model(path: pathlib.Path) -> Factors:
    """The factors of alsatian's model file: safetensors, whose ids ascend (host/model)."""
    data = path.read_bytes()
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    kinds = {"F32": numpy.float32, "F64": numpy.float64, "I64": numpy.int64}

    def tensor(name: str) -> numpy.ndarray:
        entry = header[name]
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        return numpy.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])

    return Factors(tensor("user_factors"), tensor("item_factors"), tensor("user_biases"),
                   tensor("item_biases"), float(tensor("mean")[0]), True)
