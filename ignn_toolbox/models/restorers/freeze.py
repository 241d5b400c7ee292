"""Networks of which only some parts train."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ...files import nearest


def freeze_but(network: nn.Module, parts: Sequence[str]) -> tuple[nn.Module, ...]:
    """Take gradients from all parameters but those of some parts.

    What was frozen before stays so, such as a mean colour or an embedder.

    Args:
        network: The network.
        parts: Names of modules or parameters in it, with dots.

    Returns:
        The layers of the frozen parts that gather statistics in training: they are to stay in
        evaluation.

    Raises:
        ValueError: The network has no such part, or nothing is left to train.
    """
    modules, parameters = dict(network.named_modules()), dict(network.named_parameters())
    for part in parts:
        if not part or part not in modules | parameters:
            own = [name for name, _ in network.named_children()]
            near = nearest(part, [*modules, *parameters], 3, 0.5) or own
            raise ValueError(
                f"train_only: this {type(network).__name__} has no part {part!r}; "
                f"nearest: {', '.join(near)}"
            )

    def trains(name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in parts)

    for name, parameter in parameters.items():
        if not trains(name):
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise ValueError(f"train_only={list(parts)} leaves nothing to train")
    return tuple(
        module
        for name, module in modules.items()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not trains(name)
    )
