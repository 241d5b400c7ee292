"""A device that is not here, or a precision that it lacks, is an error that names what there is."""

import pytest
import torch

from ignn_toolbox import devices
from ignn_toolbox.devices import check_precision, find_device


def pretend(monkeypatch, kind, count):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(kind))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)


def test_without_an_accelerator_the_cpu_computes(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert find_device() == find_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:1", "mps", "xpu"):
        with pytest.raises(ValueError, match=f"device='{name}' is not here; there is cpu$"):
            find_device(name)


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_an_accelerator_is_taken_by_default(kind, monkeypatch):
    pretend(monkeypatch, kind, 2)
    assert find_device() == torch.device(kind)
    assert find_device(f"{kind}:1") == torch.device(kind, 1)
    assert find_device("cpu") == torch.device("cpu")
    with pytest.raises(
        ValueError, match=f"'{kind}:2' is not here; there is cpu, {kind}:0, {kind}:1"
    ):
        find_device(f"{kind}:2")


def test_mps_has_one_device(monkeypatch):
    pretend(monkeypatch, "mps", 1)
    assert find_device("mps") == torch.device("mps")
    with pytest.raises(ValueError, match="'cuda' is not here; there is cpu, mps"):
        find_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:first", "", "cpu:x"])
def test_a_word_that_is_no_device_is_named(name):
    with pytest.raises(ValueError, match=f"device='{name}' is unknown; there is cpu"):
        find_device(name)


def test_a_precision_that_a_device_lacks_is_named(monkeypatch):
    check_precision("bf16", torch.device("cpu"))
    monkeypatch.setattr(devices, "_computes", lambda device, dtype: dtype != torch.bfloat16)
    with pytest.raises(ValueError, match="cuda:0 does not compute in bf16; it has fp16, fp32"):
        check_precision("bf16", torch.device("cuda:0"))
