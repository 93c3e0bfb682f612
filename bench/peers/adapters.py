"""One class per peer: how its users load ratings, fit and find the factors.

Imports stand inside: a peer that is not installed must not stop the others. Every load() starts
from the same file and ends with what the peer's fit() takes.
"""
from __future__ import annotations

import dataclasses
import importlib
import pathlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy

from peers.factors import Factors, Predictions, rows_of, without_biases
from peers.splits import read_ratings

SEED = 1


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is asked of a fit."""
    rank: int
    reg: float
    epochs: int
    threads: int


class Adapter(Protocol):
    """A peer. Calls come in this order, each once; processes(): others that work for it."""

    def __init__(self, setting: Setting) -> None: ...
    def processes(self) -> Sequence[int]: ...
    def load(self, train: pathlib.Path) -> None: ...
    def fit(self) -> None: ...
    def factors(self) -> Factors | None: ...
    # In its place where a system averages over draws: predictions(test) -> Predictions.


class InProcess:
    """A peer whose threads are this process's.

    modules: imported before any clock runs
    """
    modules: tuple[str, ...] = ()

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.model: Any = None
        for module in ("pandas", "scipy.sparse", *self.modules):
            importlib.import_module(module)

    def processes(self) -> Sequence[int]:
        return ()

    def read_coded(self, train: pathlib.Path) -> None:
        """Reads the ratings and numbers users and items by their ascending ids."""
        import pandas

        table = pandas.read_csv(train)
        self.user_ids, self.users = numpy.unique(table["userId"].to_numpy(), return_inverse=True)
        self.item_ids, self.items = numpy.unique(table["movieId"].to_numpy(), return_inverse=True)
        self.values = table["rating"].to_numpy()


class Cmfrec(InProcess):
    """cmfrec.CMF: collective factorization by ALS, here without side information."""
    modules = ("cmfrec",)

    def load(self, train: pathlib.Path) -> None:
        import scipy.sparse

        self.read_coded(train)
        self.matrix = scipy.sparse.coo_matrix((self.values, (self.users, self.items)))

    def fit(self) -> None:
        import cmfrec

        reg = self.setting.reg
        self.model = cmfrec.CMF(k=self.setting.rank, lambda_=[.3 * reg, .3 * reg] + 4 * [reg],
                                niter=self.setting.epochs, nthreads=self.setting.threads,
                                random_state=SEED, verbose=False).fit(self.matrix)

    def factors(self) -> Factors:
        model = self.model
        return Factors(model.A_, model.B_, model.user_bias_, model.item_bias_,
                       float(model.glob_mean_), True)


class Libmf(InProcess):
    """LIBMF by its Python wrapper; SGD without biases. Its predict() is wrong and not used."""
    modules = ("libmf",)

    def load(self, train: pathlib.Path) -> None:
        self.read_coded(train)
        # The wrapper takes one table of floats: exact for indices below 2^24.
        self.table = numpy.stack([self.users, self.items, self.values], axis=1).astype("float32")

    def fit(self) -> None:
        from libmf import mf

        self.model = mf.MF(k=self.setting.rank, nr_threads=self.setting.threads,
                           nr_bins=26, nr_iters=self.setting.epochs, lambda_p2=self.setting.reg,
                           lambda_q2=self.setting.reg, lambda_p1=0.0, lambda_q1=0.0, eta=0.1,
                           quiet=True)
        self.model.fit(self.table)

    def factors(self) -> Factors:
        return without_biases(self.model.p_factors(), self.model.q_factors(),
                              float(self.model.model.b))


class Surprise(InProcess):
    """Surprise's SVD: biased factorization by SGD, in one thread whatever is asked."""
    modules = ("surprise",)

    def load(self, train: pathlib.Path) -> None:
        import pandas
        import surprise

        table = pandas.read_csv(train)
        reader = surprise.Reader(rating_scale=(table["rating"].min(), table["rating"].max()))
        self.trainset = surprise.Dataset.load_from_df(table, reader).build_full_trainset()

    def fit(self) -> None:
        import surprise

        self.model = surprise.SVD(n_factors=self.setting.rank, n_epochs=self.setting.epochs,
                                  reg_all=self.setting.reg, lr_all=0.01,
                                  random_state=SEED).fit(self.trainset)

    def factors(self) -> Factors:
        users = numpy.argsort([self.trainset.to_raw_uid(u) for u in self.trainset.all_users()])
        items = numpy.argsort([self.trainset.to_raw_iid(i) for i in self.trainset.all_items()])
        model = self.model
        return Factors(model.pu[users], model.qi[items], model.bu[users], model.bi[items],
                       float(self.trainset.global_mean), True)


class Lenskit(InProcess):
    """LensKit's BiasedMFScorer: damped biases first, then ALS-WR on what they leave."""
    modules = ("lenskit.als", "lenskit.data",)

    def load(self, train: pathlib.Path) -> None:
        import lenskit.data
        import pandas

        table = pandas.read_csv(train)
        table = table.rename(columns={"userId": "user_id", "movieId": "item_id"})
        self.data = lenskit.data.from_interactions_df(table)

    def fit(self) -> None:
        from lenskit.als import BiasedMFScorer
        from lenskit.training import TrainingOptions

        self.model = BiasedMFScorer(embedding_size=self.setting.rank, epochs=self.setting.epochs,
                                    regularization=self.setting.reg)
        self.model.train(self.data, TrainingOptions(rng=SEED))

    def factors(self) -> Factors:
        users = numpy.argsort(self.data.users.ids())
        items = numpy.argsort(self.data.items.ids())
        bias = self.model.bias
        return Factors(self.model.user_embeddings[users], self.model.item_embeddings[items],
                       bias.user_biases[users], bias.item_biases[items], float(bias.global_bias),
                       True)


class MyFm(InProcess):
    """myFM's Gibbs sampler with what each user rated and who rated each item, its best setting.

    A user's block of features is the user and the items rated, each ÷ √n; an item's likewise. Both
    have a row more, without features: that of users and items that training has not seen.
    """
    modules = ("myfm",)

    def load(self, train: pathlib.Path) -> None:
        self.read_coded(train)
        self.sizes = (len(self.user_ids), len(self.item_ids))
        self.user_block = self.block(self.users, self.items, *self.sizes)
        self.item_block = self.block(self.items, self.users, *reversed(self.sizes))

    @staticmethod
    def block(rows: numpy.ndarray, columns: numpy.ndarray, row_count: int,
              column_count: int) -> Any:
        from scipy import sparse

        met = sparse.csr_matrix((numpy.ones(len(rows)), (rows, columns)),
                                shape=(row_count, column_count))
        scale = sparse.diags(1 / numpy.sqrt(numpy.maximum(numpy.diff(met.indptr), 1)))
        known = sparse.hstack([sparse.eye(row_count), scale @ met])
        return sparse.vstack([known, sparse.csr_matrix((1, known.shape[1]))]).tocsr()

    def relations(self, users: numpy.ndarray, items: numpy.ndarray) -> list[Any]:
        from myfm import RelationBlock

        return [RelationBlock(users, self.user_block), RelationBlock(items, self.item_block)]

    def fit(self) -> None:
        import myfm
        from scipy import sparse

        users, items = self.sizes
        self.model = myfm.MyFMRegressor(rank=self.setting.rank, random_seed=SEED).fit(
            sparse.csr_matrix((len(self.values), 0)), self.values.astype("float64"),
            X_rel=self.relations(self.users, self.items), n_iter=self.setting.epochs,
            group_shapes=[users, items, items, users])

    def predictions(self, test: pathlib.Path) -> Predictions:
        pairs = read_ratings(test)

        def rows(ids: numpy.ndarray, known: numpy.ndarray) -> numpy.ndarray:
            found = rows_of(ids, known)
            return numpy.where(found < 0, len(known), found)

        relations = self.relations(rows(pairs.users, self.user_ids),
                                   rows(pairs.items, self.item_ids))
        return Predictions(self.model.predict(None, relations))


class Implicit(InProcess):
    """implicit's ALS: weighted for implicit feedback, so its error is not comparable."""
    modules = ("implicit.als",)

    def load(self, train: pathlib.Path) -> None:
        import scipy.sparse

        self.read_coded(train)
        self.matrix = scipy.sparse.csr_matrix((self.values.astype("float32"),
                                               (self.users, self.items)))

    def fit(self) -> None:
        from implicit.als import AlternatingLeastSquares

        self.model = AlternatingLeastSquares(
            factors=self.setting.rank, regularization=self.setting.reg, use_gpu=False,
            iterations=self.setting.epochs, num_threads=self.setting.threads, random_state=SEED)
        self.model.fit(self.matrix, show_progress=False)

    def factors(self) -> None:
        return None

    def recommend(self, top: int) -> None:
        """The best unseen items of every user."""
        self.model.recommend(numpy.arange(self.matrix.shape[0]), self.matrix, N=top)


class Spark:
    """Spark's ALS on one machine; its work is done by a Java process beside this one."""

    def __init__(self, setting: Setting) -> None:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        self.setting = setting
        self.session = (SparkSession.builder.master(f"local[{setting.threads}]")
                        .config("spark.driver.memory", "6g").config("spark.ui.enabled", "false")
                        .config("spark.driver.host", "127.0.0.1")
                        .config("spark.driver.bindAddress", "127.0.0.1")
                        .config("spark.log.level", "ERROR").getOrCreate())
        self.java = int(SparkContext._jvm.java.lang.ProcessHandle.current().pid())

    def processes(self) -> Sequence[int]:
        return (self.java,)

    def load(self, train: pathlib.Path) -> None:
        self.table = self.session.read.csv(str(train), header=True,
                                           schema="userId int, movieId int, rating float").cache()
        self.table.count()

    def fit(self) -> None:
        from pyspark.ml.recommendation import ALS

        als = ALS(rank=self.setting.rank, maxIter=self.setting.epochs, regParam=self.setting.reg,
                  userCol="userId", itemCol="movieId", ratingCol="rating", seed=SEED,
                  numUserBlocks=2 * self.setting.threads, numItemBlocks=2 * self.setting.threads)
        self.model = als.fit(self.table)
        # Spark computes when asked to: without this the last half of an epoch would not be counted.
        self.model.itemFactors.count(), self.model.userFactors.count()

    def factors(self) -> Factors:
        def matrix(table: Any) -> numpy.ndarray:
            rows = sorted((row["id"], row["features"]) for row in table.collect())
            return numpy.array([features for _, features in rows])

        mean = self.table.agg({"rating": "avg"}).collect()[0][0]
        return without_biases(matrix(self.model.userFactors), matrix(self.model.itemFactors), mean)


ADAPTERS: dict[str, type[Any]] = {"cmfrec": Cmfrec, "libmf": Libmf, "surprise": Surprise,
                                  "lenskit": Lenskit, "spark": Spark, "myfm": MyFm,
                                  "implicit": Implicit}
