"""The tables: each network that goes by the name of AlexNet, number by number, with its source."""

from alexnet.errors import RecipeError
from alexnet.model.specs import Activation, AdaptivePool, Conv, Dropout, Linear, NetworkSpec, Norm, Pool

__all__ = ["VARIANTS", "get_variant"]

SEMINAR = NetworkSpec(
    name="seminar",
    features=(
        Conv("conv1", 96, 11, stride=4),
        Activation("relu1"),
        Norm("norm1", size=5, alpha=1e-4, beta=0.75, k=2.0),
        Pool("pool1"),
        Conv("conv2", 256, 5, padding=2),
        Activation("relu2"),
        Norm("norm2", size=5, alpha=1e-4, beta=0.75, k=2.0),
        Pool("pool2"),
        Conv("conv3", 384, 3, padding=1),
        Activation("relu3"),
        Conv("conv4", 384, 3, padding=1),
        Activation("relu4"),
        Conv("conv5", 256, 3, padding=1),
        Activation("relu5"),
        Pool("pool5"),
    ),
    classifier=(
        Dropout("drop6"),
        Linear("fc6", 4096),
        Activation("relu6"),
        Dropout("drop7"),
        Linear("fc7", 4096),
        Activation("relu7"),
        Linear("fc8", None),
    ),
    normalization="imagenet",
    source="the seminar talk, slide 'Practical Part - AlexNet', 'Manually implemented'",
)

TORCHVISION = NetworkSpec(
    name="torchvision",
    features=(
        Conv("conv1", 64, 11, stride=4, padding=2),
        Activation("relu1"),
        Pool("pool1"),
        Conv("conv2", 192, 5, padding=2),
        Activation("relu2"),
        Pool("pool2"),
        Conv("conv3", 384, 3, padding=1),
        Activation("relu3"),
        Conv("conv4", 256, 3, padding=1),
        Activation("relu4"),
        Conv("conv5", 256, 3, padding=1),
        Activation("relu5"),
        Pool("pool5"),
        AdaptivePool("avgpool", 6),
    ),
    classifier=SEMINAR.classifier,
    normalization="imagenet",
    source="torchvision.models.alexnet (Krizhevsky 2014, arXiv:1404.5997, one tower), 61,100,840 parameters",
)

CAFFE = NetworkSpec(
    name="caffe",
    features=(
        Conv("conv1", 96, 11, stride=4),
        Activation("relu1"),
        Norm("norm1", size=5, alpha=1e-4, beta=0.75, k=1.0),
        Pool("pool1", ceil=True),
        Conv("conv2", 256, 5, padding=2, groups=2),
        Activation("relu2"),
        Norm("norm2", size=5, alpha=1e-4, beta=0.75, k=1.0),
        Pool("pool2", ceil=True),
        Conv("conv3", 384, 3, padding=1),
        Activation("relu3"),
        Conv("conv4", 384, 3, padding=1, groups=2),
        Activation("relu4"),
        Conv("conv5", 256, 3, padding=1, groups=2),
        Activation("relu5"),
        Pool("pool5", ceil=True),
    ),
    classifier=(
        Linear("fc6", 4096),
        Activation("relu6"),
        Dropout("drop6"),
        Linear("fc7", 4096),
        Activation("relu7"),
        Dropout("drop7"),
        Linear("fc8", None),
    ),
    normalization="caffe",
    source="Caffe's bvlc_alexnet: train_val.prototxt; pooling rounds up (pooling_layer.cpp), LRN k = 1",
)

VARIANTS: dict[str, NetworkSpec] = {spec.name: spec for spec in (SEMINAR, TORCHVISION, CAFFE)}
"""Every variant by name."""


def get_variant(name: str) -> NetworkSpec:
    """The table of a variant.

    Raises:
        RecipeError: there is none of that name; the message lists those there are.
    """
    if name not in VARIANTS:
        raise RecipeError(f"variant {name}: no such network; choose one of {', '.join(VARIANTS)}")
    return VARIANTS[name]
