"""Our networks in spandrel, so that programs built on it load our checkpoints.

    from spandrel import ModelLoader
    from ignn_toolbox.export.spandrel import register

    register()
    model = ModelLoader().load_from_file("ignn_tiny_x2.pth")

Spandrel hands a file's tensors over and nothing else, so the config is read off their shapes, and
what they do not tell is given to `register`. It needs torchvision, and is imported by `register`.
"""

from __future__ import annotations

from typing import Any

from ..stored_model import build_stored
from .errors import ExportError
from .recognise import PREFIX, Untold, is_ours, network_config

ID = "ignn_toolbox"


def register(untold: Untold = Untold(), registry: Any = None) -> None:
    """Add EDSR, IGNN and RCAN of this toolbox to spandrel.

    Args:
        untold: What the tensors do not tell, for all files that are loaded afterwards.
        registry: An ``ArchRegistry``; by default the one that spandrel's loaders use.

    Raises:
        ExportError: Spandrel cannot be imported.
        ValueError: They are registered already.
    """
    try:
        import spandrel
    except ImportError as error:
        raise ExportError(
            f"spandrel cannot be imported ({error}): pip install 'ignn_toolbox[spandrel]'"
        ) from error

    class Ours(spandrel.Architecture):
        """All backbones of this toolbox with any aggregator."""

        def __init__(self) -> None:
            super().__init__(id=ID, name="ignn_toolbox (EDSR, IGNN, RCAN)", detect=is_ours)

        def load(self, state_dict):  # type: ignore[no-untyped-def]
            config = network_config(state_dict, untold)
            weights = {key.removeprefix(PREFIX): value for key, value in state_dict.items()}
            network = build_stored(config, {"state_dict": weights}, "the file")
            aggregator = config.get("aggregator")
            whole = aggregator is not None
            return spandrel.ImageModelDescriptor(
                network.eval(),
                weights,
                architecture=self,
                purpose="SR",
                tags=[config["type"], f"{config['channels']}nf"]
                + ([aggregator["type"]] if aggregator else []),
                supports_half=False,
                supports_bfloat16=False,
                scale=network.spec.scale,
                input_channels=3,
                output_channels=3,
                size_requirements=spandrel.SizeRequirements(minimum=network.spec.min_size),
                # neighbours may lie in another tile
                tiling=spandrel.ModelTiling.DISCOURAGED
                if whole
                else spandrel.ModelTiling.SUPPORTED,
            )

    target = spandrel.MAIN_REGISTRY if registry is None else registry
    target.add(spandrel.ArchSupport.from_architecture(Ours()))
