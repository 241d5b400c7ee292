"""What the page can do, without the page: open a picture, enlarge it, look up neighbours."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..files import write_bytes
from ..images import Picture, TooLargeError, as_rgb, decode_picture, encode_picture, upright
from ..images.convert import to_array, to_tensor
from ..ops import imresize
from ..restore import SRInferencer
from ..restore.runner import Progress
from ..restore.target import Target
from ..text import shown
from ..visualization.figures import draw_query, save_figure
from ..visualization.inspection import look_up
from ..zoo import zoo_models
from ..zoo.loading import init_model

SCALES = (2, 3, 4)
_TILE = 384  # pixels of the input: larger pictures show progress; exact tiles change no number


@dataclass(frozen=True)
class Limits:
    """What the page accepts.

    Attributes:
        megabytes: Size of an uploaded file.
        megapixels: Width times height of a picture; looked at before it is decoded.
        stored_megabytes: Sum of all files that are kept; beyond it no upload is taken.
    """

    megabytes: float = 20.0
    megapixels: float = 2.0
    stored_megabytes: float = 500.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                option = {"megabytes": "upload-mb", "stored_megabytes": "stored-mb"}.get(name, name)
                raise ValueError(f"--max-{option} must be positive, got {value:g}")

    @property
    def pixels(self) -> int:
        return round(self.megapixels * 1e6)

    @property
    def bytes(self) -> int:
        return round(self.megabytes * 2**20)

    @property
    def stored_bytes(self) -> int:
        return round(self.stored_megabytes * 2**20)


@dataclass(frozen=True)
class Enlarged:
    """Two PNG files of one size, without loss, and what was done.

    Attributes:
        before: The picture enlarged by MATLAB's bicubic.
        after: The picture enlarged by the model.
        summary: One sentence.
    """

    before: Path
    after: Path
    summary: str


@dataclass(frozen=True)
class Neighbours:
    """What the graph found for one patch.

    Attributes:
        figure: A PNG file.
        rows: For each neighbour its rank, column and row of its top left pixel, side in pixels,
            weight, and squared distance.
    """

    figure: Path
    rows: list[list[float]]


class Studio:
    """Models and pictures behind the page.

    Args:
        folder: Where results are written; the caller removes it.
        limits: What is accepted.
        models: Zoo names, configs or checkpoints; by default all that ship, grouped by kind.
        device: Such as ``'cuda'``; by default the first GPU, if there is one.

    Attributes:
        kinds: What may be chosen by name: a kind of zoo models without its scale, or a model.
    """

    def __init__(
        self,
        folder: str | Path,
        limits: Limits = Limits(),
        models: Sequence[str] = (),
        device: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.limits = limits
        self.kinds = {Path(name).stem: [name] for name in models} or _zoo_kinds()
        if len(self.kinds) < len(models):
            raise ValueError(f"two of the models {', '.join(models)} have the same name")
        self._device = device
        self._inferencers: dict[tuple[str, bool], SRInferencer] = {}
        # One picture at a time: the page's queue sees to that, other callers may not.
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Give up the picture that is being restored at its next step, and take no more."""
        self._stopped.set()

    def open(self, path: str | Path) -> Picture:
        """Read an uploaded picture and turn it upright.

        Raises:
            ValueError: It is no picture, damaged, or too large; without the upload's path.
        """
        path = Path(path)
        size = path.stat().st_size
        if size > self.limits.bytes:
            raise ValueError(
                f"The file has {size / 2**20:.1f} MB; this page takes {self.limits.megabytes:g} MB."
            )
        try:
            picture = decode_picture(path.read_bytes(), path.name, self.limits.pixels)
        except TooLargeError as error:
            raise ValueError(
                f"{shown(path.name)} has {error.width}x{error.height} pixels; this page takes "
                f"{self.limits.megapixels:g} megapixels."
            ) from error
        if picture.pixels.shape[2] > 4:
            raise ValueError(f"{shown(path.name)} has bands, which this page cannot show.")
        if picture.pixels.dtype.kind == "f":
            raise ValueError(
                f"{shown(path.name)} holds floating point, which this page cannot show."
            )
        pixels = upright(picture.pixels, picture.orientation)
        return replace(picture, pixels=pixels, format="png", exif=None)

    def enlarge(
        self,
        path: str | Path,
        kind: str,
        scale: int,
        tune: bool = False,
        progress: Callable[[str, float], None] = lambda what, done: None,
    ) -> Enlarged:
        """Enlarge an uploaded picture.

        Args:
            path: The uploaded file.
            kind: One of ``kinds``.
            scale: One of ``SCALES``.
            tune: Whether the network is tuned on the picture first, see `InternalLearning`.
            progress: Called with what is done, ``'tuning'`` or ``'restoring'``, and how much of it,
                0 to 1.

        Raises:
            ValueError: As `open`; or the picture is too small for the network, or the page closes.
        """
        name = self._nearest(kind, scale)
        picture = self.open(path)

        def moved(what: str) -> Progress:
            def move(done: int, total: int) -> None:
                self._check_open()
                progress(what, done / max(total, 1))

            return move

        told: list[str] = []
        with self._lock:
            self._check_open()
            started = time.perf_counter()
            inferencer = self._inferencer(name, tune)
            inferencer.progress, inferencer.tuning = moved("restoring"), moved("tuning")
            inferencer.report = told.append
            if inferencer.scale == 1:  # noise, artefacts: the size stays, whatever is chosen
                scale = 1
            after = inferencer.restore_pixels(picture.pixels, Target(factor=scale))
            seconds = time.perf_counter() - started
        before = to_array(imresize(to_tensor(picture.pixels), size=after.shape[:2]), after.dtype)
        height, width = picture.pixels.shape[:2]
        text = f"{width}x{height} became {after.shape[1]}x{after.shape[0]} in {seconds:.1f} s."
        text += "".join(f" {message[:1].upper()}{message[1:]}." for message in told)
        if inferencer.scale != scale:
            text += (
                f" {kind} has no x{scale} network: its x{inferencer.scale} network and exact "
                "bicubic did it together."
            )
        stem = f"{Path(path).stem[:60]}_{kind}{'_tuned' if tune else ''}_x{scale}"
        folder = self._new_folder()
        files = folder / f"{stem}_bicubic.png", folder / f"{stem}.png"
        for target, pixels in zip(files, (before, after), strict=True):
            write_bytes(target, encode_picture(replace(picture, pixels=pixels)))
        return Enlarged(*files, text)

    def neighbours(self, path: str | Path, kind: str, scale: int, x: int, y: int) -> Neighbours:
        """What the graph of a model finds for the patch at a pixel of the upright picture.

        Args:
            path: The uploaded file.
            kind: One of ``kinds``.
            scale: One of ``SCALES``.
            x: Column.
            y: Row.

        Raises:
            ValueError: As `open`; or the model has no graph, or the pixel lies outside.
        """
        name = self._nearest(kind, scale)
        pixels = self.open(path).pixels
        with self._lock:
            self._check_open()
            network = init_model(name).network
            query = look_up(network, as_rgb(pixels), x, y)
            figure = self._new_folder() / "neighbours.png"
            save_figure(draw_query(query), figure)
        rows = [
            [rank, left, top, side, round(weight, 4), float(f"{distance:.3g}")]
            for rank, ((top, left, side), weight, distance) in enumerate(
                zip(query.taken, query.weights, query.distances, strict=True), 1
            )
        ]
        return Neighbours(figure, rows)

    def _check_open(self) -> None:
        if self._stopped.is_set():
            raise ValueError("The page is closing.")

    def _nearest(self, kind: str, scale: int) -> str:
        """The kind's model of a scale, or else its first."""
        if kind not in self.kinds:
            raise ValueError(f"no model {kind!r}; choose from {', '.join(self.kinds)}")
        names = self.kinds[kind]
        return next((name for name in names if name.endswith(f"_x{scale}")), names[0])

    def _inferencer(self, name: str, tune: bool) -> SRInferencer:
        if (name, tune) not in self._inferencers:
            self._inferencers[name, tune] = SRInferencer(
                name, device=self._device, tile=_TILE, adapt="fast" if tune else None
            )
        return self._inferencers[name, tune]

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))


def _zoo_kinds() -> dict[str, list[str]]:
    """Zoo names by kind, graph networks first, as they show most."""
    kinds: dict[str, list[str]] = {}
    for name, model in zoo_models().items():
        kinds.setdefault(name.removesuffix(f"_x{model.scale}"), []).append(name)
    return dict(sorted(kinds.items(), key=lambda item: (not item[0].startswith("ignn"), item[0])))
