"""Finer maps against the network's own, wherever their grids meet."""

import numpy as np
import pytest
import torch

from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import feature_maps
from alexnet.inspection.fine_maps import enlarged_maps, strided_maps
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing


def classifier(variant: str, *, mean_image: bool = False) -> Classifier:
    network = AlexNet(VARIANTS[variant], size=96, num_classes=3, mean_image=mean_image)
    initialize(network, "fan_in", seed=0)
    if network.mean_image is not None:
        network.mean_image.copy_(torch.randn(3, 96, 96, generator=torch.Generator().manual_seed(1)))
    plain = Preprocessing(96, "squash", True, "RGB", (120.0, 115.0, 110.0), (60.0, 61.0, 62.0))
    return Classifier(network.eval(), ("a", "b", "c"), plain)


def image(size: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["seminar", "torchvision", "program"])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_first_layer_at_a_smaller_stride_meets_the_ordinary_map(variant: str, stride: int) -> None:
    trained, pixels = classifier(variant, mean_image=variant == "program"), image()
    ordinary = feature_maps(trained, pixels, "conv1")
    fine = strided_maps(trained, pixels, "conv1", stride=stride)
    every = 4 // stride
    height, width = ordinary.before.shape[1:]
    for finer, own in ((fine.before, ordinary.before), (fine.after, ordinary.after)):
        if own is None or finer is None:  # the 2012 program pools before the ReLU
            assert own is finer is None
            continue
        np.testing.assert_allclose(finer[:, ::every, ::every][:, :height, :width], own, rtol=1e-4, atol=1e-4)
    assert f"at stride {stride}" in fine.title
    assert fine.before.shape[1] > height * (every - 1)


def test_enlarged_image_gives_larger_maps_and_the_own_size_the_ordinary_ones() -> None:
    trained = classifier("seminar")
    ordinary, same = feature_maps(trained, image(), "conv5"), enlarged_maps(trained, image(), "conv5")
    np.testing.assert_allclose(same.before, ordinary.before, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(same.after, ordinary.after, rtol=1e-4, atol=1e-5)
    large = enlarged_maps(trained, image(192), "conv5")
    assert large.before.shape[1:] == (10, 10)
    assert "192 px" in large.title


def test_average_pooling_of_an_enlarged_image_has_its_fixed_size() -> None:
    maps = enlarged_maps(classifier("torchvision"), image(192), "avgpool")
    assert maps.before.shape == (256, 6, 6)


def test_what_gives_no_maps_is_refused() -> None:
    trained = classifier("seminar")
    with pytest.raises(GeometryError, match="fc7: gives no maps; choose one of conv1"):
        enlarged_maps(trained, image(192), "fc7")
    with pytest.raises(GeometryError, match="give at least 1"):
        strided_maps(trained, image(), "conv1", stride=0)
    with pytest.raises(GeometryError, match="layer conv2: only conv1 can have another stride; enlarge the image"):
        strided_maps(trained, image(), "conv2")
    with pytest.raises(GeometryError, match=r"give uint8 \[96, 96, 3\]"):
        strided_maps(trained, image(64), "conv1")
