"""Journaled runs on Ray: a pool of actors, each with one model."""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from .journal import DONE
from .journaled import JournaledRun
from .worklist import Job

_SHARES = 8  # of the work, for each actor
_RESTARTS = 100  # of an actor that dies; pictures that kill are set aside long before
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


@dataclass(frozen=True)
class Result:
    """What an actor did with a share of the work.

    Attributes:
        settled: Number of pictures that it dealt with.
        done: How many of them it restored.
        told: What the user should know.
    """

    settled: int
    done: int
    told: list[str]


def run_on_ray(
    run: JournaledRun, jobs: Mapping[int, Job], workers: int | None, use_gpus: bool
) -> Iterator[Result]:
    """Deal with all pictures of a run in actors of Ray.

    With ``RAY_ADDRESS`` set the actors run in that cluster, whose nodes must see the same folders
    under the same names and have the toolbox installed; otherwise on this machine. An actor that
    dies is started again and goes on by the journal.

    Args:
        run: What is to be done; it travels to the actors.
        jobs: All jobs by number.
        workers: Number of actors; by default one for each GPU, or else for each CPU.
        use_gpus: Whether GPUs are used, if there are any.

    Yields:
        What became of each share of the work.

    Raises:
        OSError: The cluster cannot be reached, or an actor failed for good.
        ValueError: Ray is not installed, or cannot run so many workers.
    """
    ray = _quiet_ray()
    try:
        pool = _connect(ray, workers, use_gpus)
        remote = ray.remote(
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
            max_restarts=_RESTARTS,
            max_task_retries=_RESTARTS,
        )(_Actor)
        travelling = replace(run, sharing=pool.sharing)
        actors = [remote.remote(travelling, os.getcwd(), pool.cpus) for _ in range(pool.count)]
        shares = _shares(run, jobs, _SHARES * pool.count)
        working = ray.util.ActorPool(actors)
        yield from working.map_unordered(lambda actor, share: actor.work.remote(*share), shares)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise OSError(f"a worker failed: {cause}") from error
    finally:
        ray.shutdown()


class _Actor:
    """One worker: keeps its run, and with it the model, from share to share."""

    def __init__(self, run: JournaledRun, folder: str, threads: int) -> None:
        os.chdir(folder)
        torch.set_num_threads(threads)
        self._run = run

    def work(self, parts: list[int], jobs: dict[int, Job]) -> Result:
        told: list[str] = []
        statuses = [outcome.status for outcome in self._run.work(jobs, parts, told.append)]
        return Result(len(statuses), statuses.count(DONE), told)


def _quiet_ray() -> Any:
    """Imports Ray so that it neither reports home nor talks over our output."""
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # hides a warning about a coming default
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.util
    except ImportError as error:
        raise ValueError('--engine ray needs Ray: pip install "ignn_toolbox[ray]"') from error
    return ray


def _connect(ray: Any, workers: int | None, use_gpus: bool) -> Workers:
    """Join the cluster of ``RAY_ADDRESS``, or start one on this machine."""
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS")
    here: dict[str, float] = {
        "CPU": max(len(os.sched_getaffinity(0)), workers or 0),
        "GPU": torch.cuda.device_count(),
    }
    if address is None:
        options |= {"num_cpus": here["CPU"], "include_dashboard": False}
        options |= {"object_store_memory": _OBJECT_STORE}
    try:
        ray.init(address or "local", **options)
    except Exception as error:  # a node that does not come up raises no particular kind
        where = f"RAY_ADDRESS={address}" if address else "this machine"
        raise OSError(f"Ray cannot be used on {where}: {error}") from error
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return plan_workers(alive if address else [here], workers, use_gpus)


def plan_workers(nodes: list[dict[str, float]], workers: int | None, use_gpus: bool) -> Workers:
    """Divide a cluster among actors.

    Args:
        nodes: ``CPU`` and ``GPU`` of each node.
        workers: Number of actors; by default one for each GPU that is used, else for each CPU.
        use_gpus: Whether GPUs are used, if there are any.

    Raises:
        ValueError: There are not enough CPUs for so many; Ray would wait for them for ever.
    """
    cpus = int(sum(node.get("CPU", 0) for node in nodes))
    gpus = int(sum(node.get("GPU", 0) for node in nodes)) if use_gpus else 0
    count = workers or gpus or cpus
    if not 1 <= count <= cpus:
        raise ValueError(f"{max(count, 1)} workers need as many CPUs; the cluster has {cpus}")
    most = min(int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1)
    sharing = -(-count // (gpus or len(nodes)))
    return Workers(count, max(1, min(cpus // count, most)), 1 / sharing if gpus else 0, sharing)


def _shares(
    run: JournaledRun, jobs: Mapping[int, Job], most: int
) -> list[tuple[list[int], dict[int, Job]]]:
    """Parts of the journal with their jobs, in up to ``most`` stretches of nearly equal length."""
    parts = run.journal.parts
    count = min(parts, most)
    bounds = [index * parts // count for index in range(count + 1)]
    return [
        (
            list(range(first, end)),
            {n: jobs[n] for part in range(first, end) for n in run.journal.numbers(part)},
        )
        for first, end in zip(bounds[:-1], bounds[1:], strict=True)
    ]
