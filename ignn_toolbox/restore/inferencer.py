"""Super-resolution of pictures, files or arrays, with the numbers of the network."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..devices import check_precision, find_device
from ..images import (
    MAX_PIXELS,
    Picture,
    fill_transparent,
    to_pillow,
    upright,
)
from ..images.convert import to_array, to_tensor
from ..images.tiff_tags import enlarged_tags
from ..models.colour import restore_in_colour
from ..models.restorers import InternalLearning, Restorer, SelfEnsemble
from ..models.restorers.internal_learning import parse_steps
from ..models.steps import Network
from ..ops import imresize
from ..zoo import DEFAULT_MODEL, siblings_of
from ..zoo.loading import init_model
from .consistency import consistent as back_projected
from .consistency import wrapped
from .forecast import Forecast
from .memory import parse_memory
from .planner import TileMode
from .purpose import as_mosaic, check_purpose
from .runner import Progress, TiledRestorer, warn
from .source import Source, back_in_range, checked, next_pictures
from .target import Target

Restore = Callable[[Tensor], Tensor]

_WRAPPED = 32  # pixels beyond each side of a seamless picture
_LARGEST_GROWTH = 16  # in pixels: x4 is the largest scale of a network


class SRInferencer:
    """Super-resolves pictures with one model.

    Args:
        model: A zoo name, a config, a checkpoint of this toolbox (see `init_model`), or a
            restorer.
        checkpoint: Weights to load in place of the model's own.
        device: Such as ``'cpu'`` or ``'cuda:1'``; by default the accelerator that torch finds
            (``cuda``, ``xpu`` or ``mps``), if there is one.
        self_ensemble: Average the eight flips and rotations of the input ("x8", IGNN+).
        amp: Compute in bfloat16 where the device gains from it.
        compile: Compile the network with ``torch.compile``; pays for many pictures of one size.
        memory: Budget of this process such as ``'4G'`` or in bytes; larger pictures are restored in
            tiles. On the CPU it is for the anonymous resident memory with all that was there
            before, on a GPU for the tensors there. By default half of the free memory more.
        tile: Side of a tile in pixels of the input, in place of the budget's choice.
        tile_mode: ``'exact'`` gives the numbers of the whole picture at any tile size,
            ``'independent'`` restores each tile on its own and blends them.
        report_deviation: Restore in exact tiles too and report how far independent ones are off.
        max_pixels: Larger picture files are refused before they are decoded.
        wrap: The picture is a seamless texture: what lies beyond a side is the opposite one. Only
            at the model's scale.
        consistent: Change the result until its reduction by the bicubic is the input, and report
            how far that is reached, see `restore.consistency`.
        uncertainty: Average as ``self_ensemble``, and keep in ``spread`` how far the eight results
            are apart.
        value_range: Which values of floating-point pictures are black and white, 0 and 1 by
            default; results are in the same range. Others than floating-point ones have their own.
        adapt: Tune the network on each picture before restoring it, if that is predicted to gain:
            ``'fast'``, ``'best'``, a number of steps, or an `InternalLearning`.
        adapt_kernel: How pictures are supposed to have become small when the network is tuned:
            ``'bicubic'`` (the default), ``'gaussian:SIGMA'``, or the name of a text file.
        keeps_size: Refuse a network that enlarges (True), or one that does not (False).

    Attributes:
        progress: Called with (done, total) of a picture, after every tile or step.
        tuning: Called with (done, total) of the steps in which the network is tuned; by default as
            ``progress``.
        report: Called with messages about the picture that is being restored; warns by default.
        inform: Called with what is good to know: which network was taken and why, how long a large
            picture will take; does nothing by default.
        spread: With ``uncertainty``: standard deviation of the eight results of the last picture,
            mean over its channels, ``(H', W')``, white being 1.
        used: Name of the network that restored the last picture.

    Examples:
        >>> import numpy as np
        >>> inferencer = SRInferencer("edsr_tiny_x2", device="cpu")
        >>> pictures = [np.zeros((20, 30, 3), np.uint8), np.zeros((15, 10), np.uint8)]
        >>> [sr.shape for sr in inferencer(pictures)]
        [(40, 60, 3), (30, 20)]
    """

    def __init__(
        self,
        model: str | Path | Restorer = DEFAULT_MODEL,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        *,
        self_ensemble: bool = False,
        amp: bool = False,
        compile: bool = False,
        memory: str | int | None = None,
        tile: int | None = None,
        tile_mode: TileMode = "exact",
        report_deviation: bool = False,
        max_pixels: int = MAX_PIXELS,
        wrap: bool = False,
        consistent: bool = False,
        uncertainty: bool = False,
        value_range: tuple[float, float] | None = None,
        adapt: str | int | InternalLearning | None = None,
        adapt_kernel: str | None = None,
        keeps_size: bool | None = None,
    ) -> None:
        self.device = find_device(device)
        if amp:
            check_precision("bf16", self.device)
        self.max_pixels = max_pixels
        self._range = value_range
        self.spread: np.ndarray | None = None
        self._spread: Tensor | None = None
        self._uncertainty = uncertainty
        self_ensemble = self_ensemble or uncertainty
        self._wrap, self._consistent = wrap, consistent
        self._amp = amp
        if adapt_kernel is not None and not isinstance(adapt, str | int):
            raise ValueError(
                "adapt_kernel (--adapt-kernel) belongs to adapt (--adapt) and its steps"
            )
        if isinstance(adapt, str | int):
            adapt = InternalLearning(parse_steps(adapt), kernel=adapt_kernel or "bicubic")
        self._adapt = adapt
        self._options = {"self_ensemble": self_ensemble, "compile": compile}
        self._tiling: dict[str, Any] = {
            "memory": parse_memory(memory) if isinstance(memory, str) else memory,
            "tile": tile,
            "mode": tile_mode,
            "report_deviation": report_deviation,
            "passes": 8 if self_ensemble else 1,
        }
        self.progress: Progress = lambda done, total: None
        self.tuning: Progress = lambda done, total: self.progress(done, total)
        self.report: Callable[[str], None] = warn
        self.inform: Callable[[str], None] = lambda text: None
        self._informed: set[str] = set()
        self._forecast = Forecast()
        siblings = {} if checkpoint is not None else siblings_of(model)
        self._name = str(model)
        if not isinstance(model, str | Path):
            self._name = type(model.network).__name__
        if isinstance(model, str | Path):
            model = init_model(model, checkpoint)
        elif checkpoint is not None:
            raise ValueError("a restorer brings its weights; pass a name or config to load others")
        spec = model.network.spec
        if keeps_size is not None:
            check_purpose(spec, self._name, keeps_size)
        if self_ensemble and spec.colour == "bayer":
            raise ValueError(
                f"{self._name} takes mosaics, and the self-ensemble would flip them into other "
                "phases"
            )
        if amp and "bfloat16" not in spec.precisions:
            raise ValueError(
                f"{self._name} is not within 0.02 of its results in bfloat16: leave amp out"
            )
        self.scale: int = model.scale
        self.used = self._name
        self._siblings = siblings
        self._restores = {self.scale: self._restorer(model)}

    def __call__(
        self,
        inputs: Source | Iterable[Source],
        *,
        factor: float | None = None,
        width: int | None = None,
        height: int | None = None,
        as_pil: bool = False,
    ) -> Iterator[Any]:
        """Restore pictures one after the other, each when it is asked for.

        Args:
            inputs: One of the following or an iterable of them: a path; an array ``(H, W)`` or
                ``(H, W, C)`` with C = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha), uint8,
                uint16 or floating point; a tensor ``(C, H, W)`` or ``(N, C, H, W)``, uint8,
                uint16 or floating point; an image of Pillow's.
            factor: Output size over input size, if not the model's scale. The zoo model of the
                same kind whose scale is nearest restores the picture, the exact bicubic does the
                rest.
            width: Output width; alone it keeps the aspect ratio.
            height: Output height; alone it keeps the aspect ratio.
            as_pil: Give Pillow's images, with their colour profiles, in place of arrays.

        Returns:
            A lazy iterator of arrays ``(H', W', C)``, or ``(H', W')`` for ``(H, W)``, of the
            input's dtype, clipped to its range. Pictures from files and Pillow come upright. The
            next picture is read while the present one is computed.

        Raises:
            FileNotFoundError: A file does not exist.
            TypeError: An input is none of the above.
            ValueError: A picture cannot be decoded or is too small for the network; a
                floating-point one has values more than a tenth outside its range; Pillow has no
                image of its depth and channels.
        """
        target = Target(factor, width, height)
        if isinstance(inputs, Source):
            inputs = [inputs]
        return self._iterate(iter(inputs), target, as_pil)

    def restore_picture(self, picture: Picture, target: Target = Target()) -> Picture:
        """Restore a decoded picture; format, EXIF and colour profile stay."""
        target = target.as_stored(picture.orientation)
        restored = self.restore_pixels(checked(picture.pixels, self._range, bands=True), target)
        rows, cols, _ = picture.pixels.shape
        tags = enlarged_tags(picture.tags, restored.shape[0] / rows, restored.shape[1] / cols)
        return replace(picture, pixels=back_in_range(restored, self._range), tags=tags)

    def restore_pixels(self, pixels: np.ndarray, target: Target = Target()) -> np.ndarray:
        """Restore one array ``(H, W, C)``: uint8, uint16 or floating point in [0, 1].

        More than four channels are bands, of which each is restored as grey.
        Colour under fully transparent pixels takes no part: it is replaced by that of the nearest
        visible pixel before the network sees it.
        """
        channels = pixels.shape[2]
        if channels > 4:
            self.inform(f"{channels} bands are restored one by one")
            bands = np.split(pixels, channels, axis=2)
            return np.concatenate([self.restore_pixels(band, target) for band in bands], axis=2)
        size = self._output_size(pixels, target)
        alpha = pixels[:, :, channels - 1] if channels in (2, 4) else None
        colour = pixels[:, :, :3] if channels >= 3 else pixels[:, :, :1]
        if alpha is not None:
            colour = fill_transparent(colour, alpha)
        restored = self._restore_colour(to_tensor(colour), size)
        if alpha is not None:
            mask = imresize(to_tensor(alpha[:, :, None]), size=size)
            restored = torch.cat([restored, mask], 1)
        return to_array(restored, pixels.dtype)

    def _output_size(self, pixels: np.ndarray, target: Target) -> tuple[int, int]:
        height, width, _ = pixels.shape
        limit = _LARGEST_GROWTH * max(self.max_pixels, height * width)
        height, width = target.size(height, width, self.scale)
        if height * width > limit:
            raise ValueError(
                f"the picture would become {width}x{height}, more than {limit:,} pixels; ask for a "
                "smaller size or raise max_pixels (--max-pixels)"
            )
        return height, width

    def _restore_colour(self, lq: Tensor, size: tuple[int, int]) -> Tensor:
        scale = self._nearest(math.sqrt(math.prod(size) / math.prod(lq.shape[-2:])))
        restore = self._restores[scale]
        lq = lq.contiguous().to(self.device)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self._amp),
        ):
            self._say_how_long(restore, scale, lq)
            sr = restore(wrapped(lq, _WRAPPED) if self._wrap else lq)
        sr, lq = sr.float().cpu(), lq.cpu()
        if self._wrap:
            sr = sr[..., _WRAPPED * scale : -_WRAPPED * scale, _WRAPPED * scale : -_WRAPPED * scale]
        if sr.shape[-2:] != size:
            if self._wrap:
                raise ValueError(f"wrap: a seamless picture keeps the model's scale, x{scale}")
            sr = imresize(sr, size=size)
        if self._spread is not None:
            spread = self._spread.cpu()
            if self._wrap:
                edge = _WRAPPED * scale
                spread = spread[..., edge:-edge, edge:-edge]
            if spread.shape[-2:] != size:
                spread = imresize(spread, size=size)
            self.spread = spread[0, 0].clamp(min=0).numpy()
        if self._consistent:
            if size[0] < lq.shape[-2] or size[1] < lq.shape[-1] or scale == 1:
                raise ValueError("consistent: the result must be larger than the input")
            sr, before, after = back_projected(sr, lq)
            self.report(
                f"reduced, the result differs from the input by at most {after.largest:.2f} of 255 "
                f"levels, mean {after.mean:.4f} (before back-projection {before.largest:.2f}, "
                f"{before.mean:.4f})"
            )
        return sr

    def _nearest(self, factor: float) -> int:
        """The scale nearest to ``factor``, the larger of two, whose network is loaded on need."""
        scales = {self.scale, *self._siblings}
        scale = min(scales, key=lambda scale: (round(abs(math.log(scale / factor)), 6), -scale))
        if scale not in self._restores:
            self._restores[scale] = self._restorer(init_model(self._siblings[scale]))
        self.used = self._siblings.get(scale, self._name)
        self._say_which(scale, sorted(scales), factor)
        return scale

    def _say_which(self, scale: int, scales: list[int], factor: float) -> None:
        said = f"{self.used} restores, on {self.device}"
        if len(scales) > 1 and scale != self.scale:
            others = ", ".join(f"x{other}" for other in scales)
            said += f": x{scale} is the nearest to the wanted size of {others}"
        if abs(factor - scale) > 0.01:  # sides are whole pixels
            said += f"; from x{scale} to the wanted size it is the exact bicubic"
        if said not in self._informed:
            self._informed.add(said)
            self.inform(said)

    def _say_how_long(self, restore: Restore, scale: int, lq: Tensor) -> None:
        if self._adapt is not None:  # which counts its steps
            return
        progress, report = self.progress, self.report
        self.progress, self.report = lambda done, total: None, lambda text: None
        try:
            seconds = self._forecast(scale, restore, lq)
        finally:
            self.progress, self.report = progress, report
        if seconds is not None:
            height, width = lq.shape[-2:]
            duration = timedelta(seconds=round(seconds))
            self.inform(f"{width}x{height} pixels will take about {duration}")

    def _restorer(self, model: Restorer) -> Restore:
        """A restorer's network as one callable, for pictures of one channel or three."""
        # rows of pixels: what convolutions on the CPU are fastest with
        model = model.to(self.device, memory_format=torch.channels_last)
        network: Network = model.eval().network
        if self._adapt is None:
            return self._picture_restorer(network)
        return lambda lq: self._picture_restorer(self._tuned(network, lq))(lq)

    def _picture_restorer(self, network: Network) -> Restore:
        whole = torch.compile(network, dynamic=True) if self._options["compile"] else network
        restore = TiledRestorer(network, whole, **self._tiling)
        restore.progress = lambda done, total: self.progress(done, total)
        restore.report = lambda message: self.report(message)
        whole_picture: Restore = (
            self._ensemble(restore) if self._options["self_ensemble"] else restore
        )
        spec = network.spec
        if spec.colour == "bayer":
            return lambda lq: restore_in_colour(whole_picture, spec, as_mosaic(lq))
        return lambda lq: restore_in_colour(whole_picture, spec, lq)

    def _ensemble(self, restore: TiledRestorer) -> Restore:
        ensemble = SelfEnsemble(restore, self._uncertainty)

        def averaged(lq: Tensor) -> Tensor:
            made = ensemble(lq)
            self._spread, ensemble.spread = ensemble.spread, None
            return made

        return averaged

    def _tuned(self, network: Network, lq: Tensor) -> Network:
        assert self._adapt is not None
        if lq.shape[1] == 1:
            lq = lq.expand(-1, network.spec.channels[0], -1, -1)
        with torch.autocast(self.device.type, enabled=False):
            tuned, made = self._adapt(network, lq, lambda done, total: self.tuning(done, total))
        self.report(str(made))
        return tuned

    def _iterate(self, inputs: Iterator[Source], target: Target, as_pil: bool) -> Iterator[Any]:
        reader = ThreadPoolExecutor(1)
        following_pictures = partial(next_pictures, inputs, self._range, self.max_pixels)
        try:
            following = reader.submit(following_pictures)
            while (batch := following.result()) is not None:
                following = reader.submit(following_pictures)
                for taken in batch:
                    pixels = taken.pixels
                    flat = pixels[:, :, None] if pixels.ndim == 2 else pixels
                    restored = self.restore_pixels(flat, target.as_stored(taken.orientation))
                    restored = upright(back_in_range(restored, self._range), taken.orientation)
                    if as_pil:
                        yield to_pillow(restored, taken.icc_profile)
                    else:
                        yield restored[:, :, 0] if pixels.ndim == 2 else restored
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
