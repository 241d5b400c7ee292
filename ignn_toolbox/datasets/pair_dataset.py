"""What the data sets of LR/HR pairs have in common: names, cache, seeds and the pipeline."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, Compose

from ..registry import TRANSFORMS
from .file_list import check_names, files_by_stem, read_names, set_name
from .packed_pairs import Info, PackedPairs, Pair, pack_pairs
from .parallel import Progress, run_all
from .sample_index import SampleIndex


class PairDataset(BaseDataset):
    """Base of data sets that hand (LR, HR) pairs of 8-bit RGB images to a pipeline.

    The pipeline receives ``dict(lq, gt, scale, name, dataset_name, lq_path, gt_path, rng)`` with
    ``lq`` (h, w, 3) and ``gt`` (scale h, scale w, 3), uint8 RGB, which it must not change in
    place. ``rng`` is a generator seeded by (seed, draw) when the data set is indexed by a
    `SampleIndex`, else ``None``.

    Args:
        gt_dir: Folder of HR images, or several.
        scale: Upscaling factor.
        data_root: Folder that relative paths start from.
        ann_file: Text file that lists the images to take, one name a line, suffix optional; or the
            names themselves.
        exclude_file: Text file that lists the images to leave out, or several.
        pipeline: Transforms.
        cache: ``'memory'`` keeps decoded pairs (of this process) once they were used; the path of
            a folder reads them from the file (memory-mapped or LMDB) that `ignn prepare cache` made
            there.
        name: Name of the set in logs and tables; the folder's by default.
        seed: Seed of the augmentation.
        test_mode: As in mmengine.

    Raises:
        FileNotFoundError: A folder or list does not exist.
        ValueError: There is no image, a listed name has no file, two files share a name, or an
            argument is out of range.
    """

    def __init__(
        self,
        gt_dir: str | Sequence[str],
        scale: int = 1,
        *,
        data_root: str | None = None,
        ann_file: str | Sequence[str] | None = None,
        exclude_file: str | Sequence[str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        cache: str | None = None,
        name: str | None = None,
        seed: int = 0,
        test_mode: bool = False,
    ) -> None:
        if not isinstance(scale, int) or scale < 1:
            raise ValueError(f"scale must be a positive integer, got {scale!r}")
        if cache == "":
            raise ValueError("cache must be 'memory', the path of a folder or None, got ''")
        self.scale = scale
        self.seed = seed
        self._root = Path(data_root or "")
        self.gt_dirs = self._paths(gt_dir)
        self.name = name or set_name(self.gt_dirs[0])
        is_file = isinstance(ann_file, str | Path)
        self._ann_file = self._root / ann_file if is_file else None  # type: ignore[operator]
        self._names = None if is_file or ann_file is None else set(ann_file)
        self._exclude_files = [] if exclude_file is None else self._paths(exclude_file)
        self._memory: dict[int, Pair] | None = {} if cache == "memory" else None
        self.cache_dir = None if cache in (None, "memory") else self._root / cache
        self._packed: PackedPairs | None = None
        super().__init__(pipeline=[], test_mode=test_mode)
        self.pipeline = Compose(
            [TRANSFORMS.build(item) if isinstance(item, dict) else item for item in pipeline]
        )

    @abstractmethod
    def load_pair(self, info: dict[str, Any]) -> Pair:
        """Read or make one pair.

        Args:
            info: ``name``, ``gt_path`` and whatever the subclass listed.

        Returns:
            LR (h, w, 3) and HR (scale h, scale w, 3), uint8 RGB.
        """

    def load_data_list(self) -> list[dict[str, Any]]:
        """List ``dict(name, gt_path, lq_path)`` of every image, folder by folder."""
        files = [files_by_stem(folder) for folder in self.gt_dirs]
        known = {stem for folder in files for stem in folder}
        where = ", ".join(map(str, self.gt_dirs))
        wanted = known
        if self._ann_file is not None:
            wanted = read_names(self._ann_file, known, where)
        elif self._names is not None:
            wanted = check_names(self._names, known, where, f"the config of {self.name}")
        for path in self._exclude_files:
            wanted = wanted - read_names(path, known, where)
        if not wanted:
            lists = ", ".join(map(str, filter(None, [self._ann_file, *self._exclude_files])))
            raise ValueError(f"no image of {where} is left by {lists}")
        return [
            {"name": stem, "gt_path": str(path), "lq_path": None}
            for folder in files
            for stem, path in folder.items()
            if stem in wanted
        ]

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on one pair."""
        info = self.get_data_info(idx)
        lq, gt = self._pair(info)
        rng = None
        if isinstance(idx, SampleIndex):
            rng = np.random.default_rng([self.seed, idx.draw])
        results = {"lq": lq, "gt": gt, "scale": self.scale, "dataset_name": self.name, "rng": rng}
        for key in ("name", "lq_path", "gt_path"):
            results[key] = info[key]
        return self.pipeline(results)

    def cache_settings(self) -> dict[str, Any]:
        """What decides how a pair is made of its files; subclasses add to it."""
        return {"dataset": type(self).__name__, "scale": self.scale}

    def build_cache(
        self, storage: str = "mmap", progress: Progress | None = None
    ) -> tuple[int, int]:
        """Decode all pairs into the folder that ``cache`` names, or goes on with that.

        Args:
            storage: ``'mmap'``, one memory-mapped file, or ``'lmdb'``.
            progress: Called with (images done, in all).

        Returns:
            Size of the cache in bytes, and how many pairs were there already.

        Raises:
            ValueError: ``cache`` names no folder, or an image is unreadable.
            OSError: The folder cannot be written.
        """
        if self.cache_dir is None:
            raise ValueError(f"{self.name}: set cache to a folder to make a cache in")
        infos = [self.get_data_info(index) for index in range(len(self))]
        self._packed = None
        return pack_pairs(
            self.cache_dir, infos, self.cache_settings(), self._load_all, storage, progress
        )

    def _load_all(self, infos: Sequence[Info]) -> list[Pair]:
        return run_all(lambda info: self.load_pair(dict(info)), infos)

    def _pair(self, info: dict[str, Any]) -> Pair:
        if self.cache_dir is not None:
            return self._open_cache()[info["sample_idx"]]
        if self._memory is None:
            return self.load_pair(info)
        key = info["sample_idx"]
        if key not in self._memory:
            self._memory[key] = self.load_pair(info)
        return self._memory[key]

    def _open_cache(self) -> PackedPairs:
        if self._packed is None:
            infos = [self.get_data_info(index) for index in range(len(self))]
            self._packed = PackedPairs(self.cache_dir, infos, self.cache_settings())  # type: ignore[arg-type]
        return self._packed

    def _paths(self, value: str | Sequence[str]) -> list[Path]:
        paths = [value] if isinstance(value, str | Path) else list(value)
        return [self._root / path for path in paths]
