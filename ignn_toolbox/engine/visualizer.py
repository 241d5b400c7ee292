"""Where a run's figures and sample pictures go: back ends only, no drawing."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from mmengine.logging import MMLogger
from mmengine.visualization import Visualizer

from ..registry import VISUALIZERS


@VISUALIZERS.register_module()
class RunRecorder(Visualizer):
    """Hands scalars and images to mmengine's back ends (local files, TensorBoard).

    mmengine's own class sets up a matplotlib figure first, which costs a second at every start;
    training draws nothing. The config lies in the work dir and is not recorded again. Where
    something cannot be written (a full disk) the log says so once, and the run goes on.
    """

    _failed = False  # whether the last record could not be written

    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Do nothing: the runner writes the config."""

    def add_scalar(self, *args: Any, **kwargs: Any) -> None:
        """Record one figure."""
        self._try(super().add_scalar, *args, **kwargs)

    def add_scalars(self, *args: Any, **kwargs: Any) -> None:
        """Record several figures of one iteration."""
        self._try(super().add_scalars, *args, **kwargs)

    def add_image(self, *args: Any, **kwargs: Any) -> None:
        """Record a picture."""
        self._try(super().add_image, *args, **kwargs)

    def _try(self, record: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        try:
            record(*args, **kwargs)
            self._failed = False
        except OSError as error:
            if not self._failed:
                MMLogger.get_current_instance().error(
                    f"figures cannot be recorded: {error}. The run goes on without"
                )
            self._failed = True

    def _initialize_fig(self, fig_cfg: Any) -> tuple[Any, Any, Any]:
        return None, SimpleNamespace(get_dpi=lambda: 100), None
