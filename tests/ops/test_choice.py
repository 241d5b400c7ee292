"""On a CUDA device a Triton kernel is chosen where it can run, and where not there is a reason."""

import importlib.util
import shutil

import pytest
import torch

from ignn_toolbox.ops import Search
from ignn_toolbox.ops.cuda import choice

CARD = torch.device("cuda")
MAPS = (torch.zeros(1, 2, 16, 16), torch.zeros(1, 2, 8, 8))


@pytest.mark.parametrize("name", ["nearest", "fold_neighbors", "fold_neighbors_backward"])
def test_operators_have_a_road_of_their_own_on_cuda(name):
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    assert has_kernel(f"ignn_toolbox::{name}", "CUDA")


def test_the_reason_is_said_in_words(monkeypatch):
    assert "on cpu" in choice.search_obstacle(*MAPS, Search(2))
    assert "65 neighbours" in choice.search_obstacle(*MAPS, Search(2, 65))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/cc")
    assert choice.triton_obstacle(CARD) == "triton needs compute capability 7.0, cuda has 6.1"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "C compiler" in choice.triton_obstacle(CARD)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "ignn_toolbox[triton]" in choice.triton_obstacle(CARD)


def test_a_kernel_that_fails_its_trial_is_not_chosen():
    def differs(device):
        return "it found other neighbours"

    def raises(device):
        raise RuntimeError("PTX was compiled with an unsupported toolchain\nand more")

    assert choice._failure(differs, CARD).endswith("trial on cuda: it found other neighbours")
    assert choice._failure(raises, CARD).endswith(
        "RuntimeError: PTX was compiled with an unsupported toolchain"
    )


def test_too_many_keys_for_32_bits_are_left_to_torch():
    with torch.device("meta"):
        large = torch.zeros(1, 1, 50_000, 50_000)
    assert "32 bits" in choice.search_obstacle(large, large, Search(1))
