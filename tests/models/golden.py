"""Golden cases of the rivals: what their released code computes, beside the networks here."""

import dataclasses
import json

import numpy as np
import torch

from ignn_toolbox.models.foreign import DEFAULTS
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.importers import foreign_kinds, import_checkpoint


class Golden:
    """One file: its configuration, its numbers, its weights under the original's names."""

    def __init__(self, path):
        self.arrays = np.load(path)
        self.cfg = json.loads(str(self.arrays["cfg"])) if "cfg" in self.arrays else {}
        self.state = {
            name[2:]: torch.from_numpy(self.arrays[name])
            for name in self.arrays.files
            if name.startswith("w/")
        }

    def __getitem__(self, name):
        return torch.from_numpy(self.arrays[name])

    def outputs(self, prefix):
        """``y64``, or ``y64_0, y64_1, ...`` of a network with several outputs."""
        if prefix in self.arrays:
            return [self[prefix]]
        names = [
            n
            for n in self.arrays.files
            if n.startswith(prefix) and n[len(prefix) :].strip("_").isdigit()
        ]
        return [self[name] for name in sorted(names)]

    def gradients(self):
        """Gradients by the original's names, ``x`` among them."""
        return {n[5:]: self[n] for n in self.arrays.files if n.startswith("grad/")}


def in_its_range(kind, state, options=DEFAULTS):
    """The network of a kind with its authors' weights, in float64, on its authors' range."""
    ((network, record),) = ((n, k) for n, k in foreign_kinds() if k.kind == kind)
    own = dataclasses.replace(record, white=1.0)
    model = MODELS.build({"type": network, **own.describe(state, options)}).double().eval()
    model.load_state_dict({k: v.double() for k, v in own.translated(state, options).items()})
    return model, own.renamed(state, options)


def imported(state, folder, **options):
    """The network that a checkpoint file of these tensors is imported as."""
    torch.save(state, folder / "theirs.pt")
    return import_checkpoint(folder / "theirs.pt", **options)


def largest_error(found, expected):
    """Largest difference over the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())
