"""The systems that are compared: what each installs, its grid of λ, its epochs, its threads.

Data alone, so that the plan of a run can be read and tested without any peer installed.
"""
from __future__ import annotations

import dataclasses

LADDER_OF_SOLVES = (1, 2, 3, 5, 8, 15)
LADDER_OF_STEPS = (2, 5, 10, 20, 40)
LADDER_OF_SWEEPS = (20, 50, 100, 200, 300)
NO_GRID = (0.0,)


@dataclasses.dataclass(frozen=True)
class System:
    """One line of the table.

    package: what pip installs; None for alsatian itself
    grid: the values of λ that are tried, as the system itself counts λ; of equal length for all
        that have a λ to choose, NO_GRID for those that draw it
    ladder: numbers of epochs, each trained from the start; the last is the grid's
    own_threads: runs its rows or blocks in threads of its own, so that BLAS gets one thread
    rates: predicts ratings; implicit does not, so only its times are compared
    """
    name: str
    label: str
    package: str | None
    grid: tuple[float, ...]
    ladder: tuple[int, ...]
    meaning: str
    own_threads: bool = True
    rates: bool = True


SYSTEMS = (
    System("alsatian-als", "alsatian als", None, (0.7, 0.9, 1.2, 1.5), LADDER_OF_SOLVES,
           "--reg λ, --reg-bias 0.75 λ, --reg-scaling 0.5"),
    System("alsatian-mle", "alsatian mle", None, (0.7, 0.9, 1.2, 1.5), LADDER_OF_STEPS,
           "--reg λ, --reg-bias 0.75 λ, --reg-scaling 0.5"),
    System("alsatian-bayes", "alsatian bayes", None, NO_GRID, LADDER_OF_SWEEPS,
           "none: drawn; predictions of the saved model, sweeps for epochs"),
    System("cmfrec", "cmfrec ALS-CG", "cmfrec", (9, 13, 18, 25), (1, 3, 6, 10, 20),
           "λ of factors unscaled, 0.3 λ of biases; its default solver"),
    System("libmf", "LIBMF", "libmf", (0.03, 0.05, 0.08, 0.12), (5, 10, 20, 40, 80),
           "lambda_p2 = lambda_q2 = λ, eta 0.1"),
    System("surprise", "Surprise SVD", "scikit-surprise", (0.03, 0.05, 0.08, 0.12),
           (2, 5, 10, 20, 40), "reg_all λ, lr_all 0.01"),
    System("lenskit", "LensKit BiasedMF", "lenskit", (0.03, 0.05, 0.1, 0.2), (1, 2, 5, 10, 20),
           "regularization λ"),
    System("spark", "Spark ALS", "pyspark", (0.03, 0.04, 0.06, 0.1), (2, 5, 10),
           "regParam λ, no biases"),
    System("myfm", "myFM Gibbs", "myfm", NO_GRID, LADDER_OF_SWEEPS,
           "none: drawn; with the items each user rated and the users who rated each item"),
    System("implicit", "implicit ALS-CG", "implicit", (0.001, 0.01, 0.1, 1), (1, 15),
           "no ratings are predicted: times alone", rates=False),
)
NAMES = tuple(system.name for system in SYSTEMS)


def system_of(name: str) -> System:
    """The system of a name; KeyError where there is none."""
    return {system.name: system for system in SYSTEMS}[name]


def thread_environment(system: System, threads: int) -> dict[str, str]:
    """The variables that give a system exactly so many threads.

    BLAS inside a system's own threads is the classic trap (two threads of two): it gets one there.
    Threads that wait must not burn CPU time, which is what is counted: hence passive.
    """
    blas = 1 if system.own_threads else threads
    names = {name: str(blas) for name in
             ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")}
    return names | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive",
                    "RAYON_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads),
                    "LK_NUM_THREADS": str(threads), "LK_NUM_BACKEND_THREADS": str(blas)}
