"""Journaled runs on Ray: a pool of Ray Data actors, each with one model."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from .journaled import JournaledRun
from .worklist import Job

_SHARES = 8  # of the work, for each actor
_SPARE_CPUS = 1  # for Ray Data's own tasks; without one it waits for ever
_OBJECT_STORE = 128 * 2**20  # bytes; only lists of files travel


@dataclass(frozen=True)
class Workers:
    """Actors of a run, and what each one occupies.

    Attributes:
        count: Number of actors.
        cpus: CPUs of each, and so its number of threads.
        gpus: GPUs of each, or the fraction of one that several share.
        sharing: Number of them that share a GPU's memory, or else a machine's.
    """

    count: int
    cpus: int
    gpus: float
    sharing: int


def run_on_ray(
    run: JournaledRun, jobs: Mapping[int, Job], workers: int | None, use_gpus: bool
) -> Iterator[int]:
    """Deals with all pictures of a run in Ray Data actors.

    With ``RAY_ADDRESS`` set the actors run in that cluster, whose nodes must see the same folders
    under the same names and have the toolbox installed; otherwise on this machine. One CPU more
    than the actors take is left to Ray Data, which dead-locks without. An actor that dies is
    started again and goes on by the journal.

    Args:
        run: What is to be done; it travels to the actors.
        jobs: All jobs by number.
        workers: Number of actors; by default one for each GPU, or else for each CPU.
        use_gpus: Whether GPUs are used, if there are any.

    Yields:
        Number of pictures dealt with since the last one.

    Raises:
        OSError: The cluster cannot be reached, or an actor failed for good.
        ValueError: Ray is not installed, or cannot run so many workers.
    """
    ray = _quiet_ray()
    try:
        pool = _connect(ray, workers, use_gpus)
        shares = _shares(run, jobs, _SHARES * pool.count)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        outcomes = ray.data.from_items(
            [{"share": share} for share in shares], override_num_blocks=len(shares)
        ).map_batches(
            _Actor,
            fn_constructor_args=(replace(run, sharing=pool.sharing), os.getcwd(), pool.cpus),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=pool.count, max_tasks_in_flight_per_actor=1),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
        )
        for row in outcomes.iter_rows():
            yield int(row["pictures"])
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise OSError(f"a worker failed: {cause}") from error
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class _Share:
    """What an actor gets at a time: parts of the journal and their jobs by number."""

    parts: list[int]
    jobs: dict[int, Job]


class _Actor:
    """One worker: keeps its run, and with it the model, from share to share."""

    def __init__(self, run: JournaledRun, folder: str, threads: int) -> None:
        os.chdir(folder)
        torch.set_num_threads(threads)
        self._run = run

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        (share,) = batch["share"]
        return {"pictures": [sum(1 for _ in self._run.work(share.jobs, share.parts))]}


def _quiet_ray() -> Any:
    """Imports Ray so that it neither reports home nor talks over our output."""
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_BACKEND_LOG_LEVEL": "fatal",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # hides a warning about a coming default
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ValueError('--engine ray needs Ray: pip install "ignn_toolbox[ray]"') from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _connect(ray: Any, workers: int | None, use_gpus: bool) -> Workers:
    """Joins the cluster of ``RAY_ADDRESS``, or starts one on this machine."""
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS")
    cpus = len(os.sched_getaffinity(0))
    here: dict[str, float] = {
        "CPU": max(cpus, workers or 0) + _SPARE_CPUS,
        "GPU": torch.cuda.device_count(),
    }
    if address is None:
        options |= {"num_cpus": here["CPU"], "include_dashboard": False}
        options |= {"object_store_memory": _OBJECT_STORE}
    try:
        with _closed_stderr():
            ray.init(address or "local", **options)
    except Exception as error:  # a node that does not come up raises no particular kind
        where = f"RAY_ADDRESS={address}" if address else "this machine"
        raise OSError(f"Ray cannot be used on {where}: {error}") from error
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return plan_workers(alive if address else [here], workers, use_gpus)


@contextmanager
def _closed_stderr() -> Iterator[None]:
    """Keeps the process, libraries of C++ included, from writing to standard error."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def plan_workers(nodes: list[dict[str, float]], workers: int | None, use_gpus: bool) -> Workers:
    """Divides a cluster among actors.

    Args:
        nodes: ``CPU`` and ``GPU`` of each node.
        workers: Number of actors; by default one for each GPU that is used, else for each CPU.
        use_gpus: Whether GPUs are used, if there are any.

    Raises:
        ValueError: There are not enough CPUs for so many.
    """
    cpus = int(sum(node.get("CPU", 0) for node in nodes)) - _SPARE_CPUS
    gpus = int(sum(node.get("GPU", 0) for node in nodes)) if use_gpus else 0
    count = workers or gpus or cpus
    if not 1 <= count <= cpus:
        raise ValueError(
            f"{max(count, 1)} workers need {max(count, 1) + _SPARE_CPUS} CPUs, one of them for "
            f"Ray Data's own tasks; the cluster has {cpus + _SPARE_CPUS}"
        )
    most = min(int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1)
    sharing = -(-count // (gpus or len(nodes)))
    return Workers(count, max(1, min(cpus // count, most)), 1 / sharing if gpus else 0, sharing)


def _shares(run: JournaledRun, jobs: Mapping[int, Job], most: int) -> list[_Share]:
    """The parts in up to ``most`` stretches of nearly equal length."""
    parts = run.journal.parts
    count = min(parts, most)
    bounds = [index * parts // count for index in range(count + 1)]
    return [
        _Share(
            list(range(first, end)),
            {n: jobs[n] for part in range(first, end) for n in run.journal.numbers(part)},
        )
        for first, end in zip(bounds[:-1], bounds[1:], strict=True)
    ]
