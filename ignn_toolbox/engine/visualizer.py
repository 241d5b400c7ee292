"""Where a run's figures and sample pictures go: back ends only, no drawing."""

from types import SimpleNamespace
from typing import Any

from mmengine.visualization import Visualizer

from ..registry import VISUALIZERS


@VISUALIZERS.register_module()
class RunRecorder(Visualizer):
    """Hands scalars and images to mmengine's back ends (local files, TensorBoard).

    mmengine's own class sets up a matplotlib figure first, which costs a second at every start;
    training draws nothing. The config lies in the work dir and is not recorded again.
    """

    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Does nothing: the runner writes the config."""

    def _initialize_fig(self, fig_cfg: Any) -> tuple[Any, Any, Any]:
        return None, SimpleNamespace(get_dpi=lambda: 100), None
