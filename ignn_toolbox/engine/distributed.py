"""Several processes: launchers, on CPU (gloo) and CUDA (nccl) alike.

mmengine's own start-up calls CUDA in every case, so the process group is made here, before its
runner, which then uses the one it finds.
"""

import datetime
import gc
import os
import re
import warnings
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config

from ..files import did_you_mean

LAUNCHERS = ("none", "pytorch", "slurm")
_DEFAULT_PORT = "29500"


def launch(launcher: str, config: Config) -> None:
    """Join this process to the others of its job and prepare the config for it.

    Args:
        launcher: ``none`` (one process), ``pytorch`` (started by torchrun) or ``slurm`` (srun).
        config: Its ``launcher``, and on CPU its ``model_wrapper_cfg``, are set.

    Raises:
        ValueError: Unknown launcher, or the process was not started by it.
        OSError: The processes cannot reach each other; a port in use, for example.
    """
    if launcher not in LAUNCHERS:
        raise ValueError(f"unknown launcher `{launcher}`; {did_you_mean(launcher, LAUNCHERS)}")
    config.launcher = launcher
    if launcher == "none":
        return
    if config.get("device") not in ((None,) if torch.cuda.is_available() else (None, "cpu")):
        raise ValueError(
            f"device={config.device!r}: with launcher `{launcher}` every process takes the GPU of "
            "its number, or the CPU where there is none; leave the device out"
        )
    if launcher == "slurm":
        os.environ.update(slurm_environment(dict(os.environ)))
    missing = [name for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK") if name not in os.environ]
    if missing:
        raise ValueError(
            f"launcher `{launcher}` expects {', '.join(missing)} in the environment; start the "
            "processes with torchrun (tools/dist_train.sh) or srun (tools/slurm_train.sh)"
        )
    _init_process_group((config.get("env_cfg") or {}).get("dist_cfg") or {})
    if not torch.cuda.is_available():
        config.model_wrapper_cfg = dict(
            type="MMDistributedDataParallel",
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=config.get("find_unused_parameters", False),
        )


def finish() -> None:
    """Leave the process group, if this process is in one."""
    if dist.is_available() and dist.is_initialized():
        gc.collect()  # a wrapped model must go before the group that it talks through
        dist.destroy_process_group()


def slurm_environment(environment: dict[str, str]) -> dict[str, str]:
    """What torchrun would have set, taken from the variables that srun sets.

    Raises:
        ValueError: The process was not started by srun.
    """
    try:
        ranks = {
            "RANK": environment["SLURM_PROCID"],
            "WORLD_SIZE": environment["SLURM_NTASKS"],
            "LOCAL_RANK": environment["SLURM_LOCALID"],
        }
        nodes = environment.get("SLURM_STEP_NODELIST") or environment["SLURM_NODELIST"]
    except KeyError as error:
        raise ValueError(
            f"launcher `slurm` expects {error.args[0]} in the environment; start with srun "
            "(tools/slurm_train.sh)"
        ) from None
    ranks["MASTER_ADDR"] = environment.get("MASTER_ADDR") or first_host(nodes)
    ranks["MASTER_PORT"] = environment.get("MASTER_PORT") or _DEFAULT_PORT
    return ranks


def first_host(nodes: str) -> str:
    """The first host of a Slurm node list: ``gpu[03-05,9],login`` gives ``gpu03``."""
    match = re.match(r"([^,\[]+)(?:\[([^,\-\]]+)[^\]]*\])?", nodes)
    if match is None:
        raise ValueError(f"cannot read the Slurm node list `{nodes}`")
    return match[1] + (match[2] or "")


def gather_objects(value: Any) -> list[Any]:
    """The value of every process, in rank order; a list of one without distribution."""
    if not (dist.is_available() and dist.is_initialized()):
        return [value]
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, value)
    return gathered


def _init_process_group(options: dict[str, Any]) -> None:
    if dist.is_initialized():
        return
    if _restarts_would_hang(os.environ):
        warnings.warn(
            "processes restarted by torchrun would find the addresses of those that died and wait "
            "for them; set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before torchrun, as "
            "tools/dist_train.sh does",
            stacklevel=2,
        )
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    timeout = datetime.timedelta(seconds=int(options.get("timeout", 1800)))
    try:
        dist.init_process_group("nccl" if cuda else "gloo", timeout=timeout)
    except (RuntimeError, ValueError) as error:
        address = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise OSError(
            f"the processes cannot meet at {address}: {str(error).splitlines()[0]}; where the "
            "port is in use set another one (PORT=29501 tools/dist_train.sh ...)"
        ) from error


def _restarts_would_hang(environment: Mapping[str, str]) -> bool:
    shared = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    disabled = environment.get("TORCH_DISABLE_SHARE_RDZV_TCP_STORE") == "1"
    restarts = int(environment.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    return shared and not disabled and restarts > 0
