"""Embedders: where VGG's weights come from, what stays frozen, what is trained."""

import os
import warnings

import pytest
import torch
import torch.nn.functional as F

from ignn_toolbox.models import CNNEmbedder, EDSREmbedder, RGBEmbedder, VGGEmbedder
from ignn_toolbox.models.embedders import banded
from ignn_toolbox.registry import MODELS

MEAN, STD = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)


def conv_weights(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "1.weight": torch.randn(64, 3, 3, 3, generator=generator) / 5,
        "1.bias": torch.randn(64, generator=generator),
        "2.weight": torch.randn(64, 64, 3, 3, generator=generator) / 24,
        "2.bias": torch.randn(64, generator=generator),
    }


def layers(state, x):
    x = F.conv2d(x, state["1.weight"], state["1.bias"], padding=1).relu()
    return F.conv2d(x, state["2.weight"], state["2.bias"], padding=1).relu()


@pytest.fixture
def torchvision_file(tmp_path):
    """torchvision's edition, with layers that are not needed."""
    state = conv_weights()
    content = {f"features.{2 * int(key[0]) - 2}{key[1:]}": value for key, value in state.items()}
    content["features.5.weight"] = torch.zeros(1)
    content["classifier.0.weight"] = torch.zeros(1)
    torch.save(content, tmp_path / "vgg19-dcbb9e9d.pth")
    return tmp_path / "vgg19-dcbb9e9d.pth"


@pytest.fixture
def caffe_file(tmp_path):
    """The channel-normalised edition: an input layer from RGB to BGR * 255 minus means."""
    content = {f"conv1_{key}": value for key, value in conv_weights(1).items()}
    content["pre.weight"] = 255 * torch.eye(3).flip(0).view(3, 3, 1, 1)
    content["pre.bias"] = -torch.tensor([103.939, 116.779, 123.68])
    torch.save(content, tmp_path / "vgg_normalised.pt")
    return tmp_path / "vgg_normalised.pt"


def ready(path):
    embedder = VGGEmbedder(str(path))
    embedder.init_weights()
    return embedder


def test_torchvision_edition_is_relu1_2_of_the_normalised_image(torchvision_file):
    image = torch.rand(2, 3, 9, 8)
    wanted = layers(conv_weights(), (image - MEAN) / STD)
    torch.testing.assert_close(ready(torchvision_file)(image), wanted, rtol=1e-5, atol=1e-5)


def test_channel_normalised_edition_brings_its_input_layer(caffe_file):
    image = torch.rand(1, 3, 9, 8)
    bgr = 255 * image.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    wanted = layers(conv_weights(1), bgr)
    torch.testing.assert_close(ready(caffe_file)(image), wanted, rtol=1e-5, atol=1e-3)


def test_the_real_channel_normalised_file_is_read(shared_dir):
    path = shared_dir / "weights" / "vgg19_normalised_conv1.pt"
    features = ready(path)(torch.rand(1, 3, 16, 16))
    content = torch.load(path, weights_only=True)
    image = torch.full((1, 3, 5, 5), 0.5)
    pre = F.conv2d(image, content["pre.weight"], content["pre.bias"])
    x = F.conv2d(pre, content["conv1_1.weight"], content["conv1_1.bias"], padding=1).relu()
    x = F.conv2d(x, content["conv1_2.weight"], content["conv1_2.bias"], padding=1).relu()
    torch.testing.assert_close(ready(path)(image), x, rtol=1e-4, atol=1e-2)
    assert features.shape == (1, 64, 16, 16)


def test_missing_file_is_named_and_never_replaced_by_noise(tmp_path):
    embedder = VGGEmbedder(str(tmp_path / "nowhere.pth"))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth"):
        embedder(torch.rand(1, 3, 8, 8))
    with pytest.raises(FileNotFoundError, match="embedder.weights=PATH"):
        embedder.init_weights()


def test_bare_name_is_looked_up_where_torchvision_puts_it(tmp_path, monkeypatch, torchvision_file):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="checkpoints"):
        ready("vgg19-dcbb9e9d.pth")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torchvision_file.rename(tmp_path / "hub" / "checkpoints" / torchvision_file.name)
    assert torch.equal(ready("vgg19-dcbb9e9d.pth").conv1.bias, conv_weights()["1.bias"])


def test_file_without_vgg_is_refused(tmp_path):
    torch.save({"stem.weight": torch.zeros(1)}, tmp_path / "edsr.pth")
    with pytest.raises(ValueError, match=r"edsr\.pth holds no VGG19.*stem\.weight"):
        ready(tmp_path / "edsr.pth")


def test_files_that_want_to_run_code_are_refused_without_advice(tmp_path):
    class Calls:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'MARK'}",)

    torch.save({"features.0.weight": Calls()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil\.pth was refused: it refers to") as error:
        ready(tmp_path / "evil.pth")
    assert "weights_only" not in str(error.value)
    assert not (tmp_path / "MARK").exists()


def test_random_weights_warn_and_are_the_same_every_time():
    embedders = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        embedder = VGGEmbedder("random")
        with pytest.warns(UserWarning, match="random features"):
            embedder.init_weights()
        embedders.append(embedder)
    first, second = (e.state_dict() for e in embedders)
    assert all(torch.equal(first[key], second[key]) for key in first)
    image = torch.rand(1, 3, 12, 12)
    assert (embedders[0](image) > 0).float().mean() > 0.1  # neither dead nor blown up


def network_config(weights):
    embedder = {"type": "VGGEmbedder", "weights": str(weights)}
    graph = {"type": "GraphAgg", "channels": 4, "scale": 2, "embedder": embedder}
    return {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 2, "aggregator": graph}


def test_weights_travel_in_the_checkpoint(torchvision_file, tmp_path):
    trained = MODELS.build(network_config(torchvision_file))
    trained.aggregator.embedder.init_weights()
    torch.save(trained.state_dict(), tmp_path / "net.pth")
    torchvision_file.unlink()
    loaded = MODELS.build(network_config(torchvision_file))
    loaded.load_state_dict(torch.load(tmp_path / "net.pth", weights_only=True))
    loaded.init_weights()  # must not ask for the file, nor overwrite what was loaded
    image = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(image), trained.eval()(image))


def test_frozen_stays_frozen(torchvision_file):
    network = MODELS.build(network_config(torchvision_file))
    embedder = network.aggregator.embedder
    embedder.init_weights()
    before = {key: value.clone() for key, value in embedder.state_dict().items()}
    network.requires_grad_(True)
    network.train()
    assert not any(p.requires_grad for p in embedder.parameters())
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1.0)
    network(torch.rand(1, 3, 12, 12)).mean().backward()
    optimizer.step()
    after = embedder.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_trainable_embedder_learns_through_the_edge_labels():
    config = network_config("random")
    config["aggregator"]["embedder"] = {"type": "CNNEmbedder", "channels": 5}
    network = MODELS.build(config)
    network(torch.rand(1, 3, 12, 12)).square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.aggregator.embedder.parameters())


def test_rgb_is_the_image_and_cnn_keeps_its_size():
    image = torch.rand(2, 3, 7, 9)
    assert RGBEmbedder()(image) is image
    assert not list(RGBEmbedder().parameters())
    assert CNNEmbedder(channels=6)(image).shape == (2, 6, 7, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CNNEmbedder().init_weights()


@pytest.fixture
def edsr(tmp_path):
    """An EDSR of 3 blocks in a file, and the config of its first two as embedder."""
    torch.manual_seed(0)
    network = MODELS.build({"type": "EDSR", "scale": 3, "channels": 4, "num_blocks": 3}).eval()
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "meta": {}}, tmp_path / "edsr.pth")
    start = {"type": "Pretrained", "checkpoint": str(tmp_path / "edsr.pth")}
    config = {"type": "EDSREmbedder", "channels": 4, "num_blocks": 2, "init_cfg": start}
    return network, config


def test_edsr_features_are_its_own(edsr):
    network, config = edsr
    image = torch.rand(2, 3, 9, 12)
    wanted = network._head(image)
    for block in network.blocks[:2]:
        wanted = block(wanted)
    assert torch.equal(MODELS.build(config)(image), wanted)


def test_edsr_features_of_bands_are_those_of_the_image(edsr, monkeypatch):
    embedder = MODELS.build(edsr[1])
    image = torch.rand(1, 3, 150, 9)
    whole = embedder(image)
    monkeypatch.setattr(banded, "_PIXELS", 1)
    torch.testing.assert_close(
        banded.embed_in_bands(embedder, image, lambda: embedder.reach().halo), whole
    )


def test_edsr_features_stay_frozen_and_travel_in_the_checkpoint(edsr, tmp_path):
    graph = {"type": "GraphAgg", "channels": 4, "scale": 2, "embedder": edsr[1]}
    config = {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 2, "aggregator": graph}
    trained = MODELS.build(config)
    trained.init_weights()
    trained.requires_grad_(True)
    trained.train()
    assert not any(p.requires_grad for p in trained.aggregator.embedder.parameters())
    torch.save(trained.state_dict(), tmp_path / "net.pth")
    (tmp_path / "edsr.pth").unlink()
    loaded = MODELS.build(config)
    with pytest.raises(FileNotFoundError, match=r"edsr\.pth"):
        loaded(torch.rand(1, 3, 12, 12))
    loaded.load_state_dict(torch.load(tmp_path / "net.pth", weights_only=True))
    image = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(image), trained.eval()(image))


def test_edsr_embedder_without_weights_says_what_it_needs(edsr):
    with pytest.raises(FileNotFoundError, match="name one by its init_cfg"):
        EDSREmbedder(4, 2)(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match="cannot start a EDSREmbedder.*channels"):
        MODELS.build(edsr[1] | {"channels": 5}).init_weights()
    with pytest.raises(ValueError, match=r"edsr\.pth has fewer than the 4 blocks"):
        MODELS.build(edsr[1] | {"num_blocks": 4}).init_weights()
    with pytest.raises(ValueError, match="num_blocks=0"):
        EDSREmbedder(4, 0)
