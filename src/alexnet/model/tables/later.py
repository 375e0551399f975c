"""Tables of later years: the seminar's, torchvision's, and Caffe's two reference networks."""

from alexnet.model.specs import (
    Activation,
    AdaptivePool,
    Conv,
    Dropout,
    Inputs,
    LayerSpec,
    Linear,
    NetworkSpec,
    Norm,
    Pool,
)  # fmt: skip

__all__ = ["CAFFE", "CAFFENET", "SEMINAR", "TORCHVISION"]

SLIDE = "the seminar talk, slide 'Practical Part - AlexNet', 'Manually implemented'"
NOTEBOOK = "the seminar's notebook (MumenRaida/SeminarDeepLearningAlexNet, commit aa7d1e9)"
TORCH_DEFAULT = "PyTorch's own: reset_parameters in torch/nn/modules/conv.py and linear.py"
TORCH = {
    "ceil": "PyTorch's layers: rounded down unless told otherwise",
    "alpha_divided": "torch.nn.LocalResponseNorm: alpha times the mean over the window",
    "form": "torch.nn.Dropout: scaled while training",
}
SEMINAR_SOURCES = TORCH | {"": SLIDE, "weight_std": NOTEBOOK, "bias": NOTEBOOK}
SEMINAR_FC = {
    "": SLIDE,
    "weight_std": f"{NOTEBOOK}, init_bias, leaves these layers alone; {TORCH_DEFAULT}",
    "bias": f"{NOTEBOOK}, init_bias, leaves these layers alone; {TORCH_DEFAULT}",
}

SEMINAR = NetworkSpec(
    name="seminar",
    features=(
        Conv("conv1", 96, 11, stride=4, weight_std=0.01, bias=0.0, sources=SEMINAR_SOURCES),
        Activation("relu1", sources=SEMINAR_SOURCES),
        Norm("norm1", sources=SEMINAR_SOURCES),
        Pool("pool1", sources=SEMINAR_SOURCES),
        Conv("conv2", 256, 5, padding=2, weight_std=0.01, bias=0.0, sources=SEMINAR_SOURCES),
        Activation("relu2", sources=SEMINAR_SOURCES),
        Norm("norm2", sources=SEMINAR_SOURCES),
        Pool("pool2", sources=SEMINAR_SOURCES),
        Conv("conv3", 384, 3, padding=1, weight_std=0.01, bias=0.0, sources=SEMINAR_SOURCES),
        Activation("relu3", sources=SEMINAR_SOURCES),
        Conv("conv4", 384, 3, padding=1, weight_std=0.01, bias=0.0, sources=SEMINAR_SOURCES),
        Activation("relu4", sources=SEMINAR_SOURCES),
        Conv("conv5", 256, 3, padding=1, weight_std=0.01, bias=0.0, sources=SEMINAR_SOURCES),
        Activation("relu5", sources=SEMINAR_SOURCES),
        Pool("pool5", sources=SEMINAR_SOURCES),
    ),
    classifier=(
        Dropout("drop6", sources=SEMINAR_SOURCES),
        Linear("fc6", 4096, sources=SEMINAR_FC),
        Activation("relu6", sources=SEMINAR_SOURCES),
        Dropout("drop7", sources=SEMINAR_SOURCES),
        Linear("fc7", 4096, sources=SEMINAR_FC),
        Activation("relu7", sources=SEMINAR_SOURCES),
        Linear("fc8", None, sources=SEMINAR_FC),
    ),
    normalization="imagenet",
    source=SLIDE,
    inputs=Inputs(
        96, 96, "none: the images are squares of 96 px", "RGB", "unit std (0.229, 0.224, 0.225 of 255)",
        "color mean (0.485, 0.456, 0.406 of 255)",
        sources={
            "": f"{NOTEBOOK}, ToTensor and Normalize", "size": f"{NOTEBOOK}, IMAGE_DIM",
            "cut_from": f"{NOTEBOOK}: no crop among the transforms",
            "square": f"{NOTEBOOK}: no resizing among the transforms", "channels": "torchvision's ImageFolder: RGB",
        },
    ),
)  # fmt: skip

TV = TORCH | {
    "": "torchvision/models/alexnet.py",
    "rate": "torchvision/models/alexnet.py, dropout = 0.5 by default",
    "weight_std": TORCH_DEFAULT,
    "bias": TORCH_DEFAULT,
}
TV_RESIZED = "torchvision: references/classification in training, AlexNet_Weights.IMAGENET1K_V1.transforms in testing"

TORCHVISION = NetworkSpec(
    name="torchvision",
    features=(
        Conv("conv1", 64, 11, stride=4, padding=2, sources=TV),
        Activation("relu1", sources=TV),
        Pool("pool1", sources=TV),
        Conv("conv2", 192, 5, padding=2, sources=TV),
        Activation("relu2", sources=TV),
        Pool("pool2", sources=TV),
        Conv("conv3", 384, 3, padding=1, sources=TV),
        Activation("relu3", sources=TV),
        Conv("conv4", 256, 3, padding=1, sources=TV),
        Activation("relu4", sources=TV),
        Conv("conv5", 256, 3, padding=1, sources=TV),
        Activation("relu5", sources=TV),
        Pool("pool5", sources=TV),
        AdaptivePool("avgpool", 6, sources=TV),
    ),
    classifier=(
        Dropout("drop6", sources=TV),
        Linear("fc6", 4096, sources=TV),
        Activation("relu6", sources=TV),
        Dropout("drop7", sources=TV),
        Linear("fc7", 4096, sources=TV),
        Activation("relu7", sources=TV),
        Linear("fc8", None, sources=TV),
    ),
    normalization="imagenet",
    has_weights=True,
    source="torchvision.models.alexnet, after Krizhevsky 2014, arXiv:1404.5997: one tower, 61,100,840 parameters",
    inputs=Inputs(
        224, 256, "random part resized; in testing short side to 256 px, center cut out", "RGB",
        "unit std (0.229, 0.224, 0.225 of 255)", "color mean (0.485, 0.456, 0.406 of 255)",
        sources={"": "torchvision: AlexNet_Weights.IMAGENET1K_V1.transforms", "square": TV_RESIZED},
    ),
)  # fmt: skip


def _caffe(name: str, folder: str, *, hidden_bias: float, pool_first: bool) -> NetworkSpec:
    """One of Caffe's two reference networks; they differ in the order of pooling and LRN and in their biases."""
    file = f"models/{folder}/train_val.prototxt"
    sources = {"": file}
    conv_sources = sources | {"ceil": "Caffe's conv_layer.cpp: whole division rounds down"}
    pool_sources = sources | {"ceil": "Caffe's pooling_layer.cpp: ceil"}
    drop_sources = sources | {
        "rate": f"{file}: dropout_ratio",
        "form": "Caffe's dropout_layer.cpp: scaled while training",
    }
    norm_sources = sources | {
        "k": "not in the file; caffe.proto, LRNParameter: 1 by default",
        "alpha_divided": "Caffe's lrn_layer.cpp: alpha / local_size",
        "groups": "Caffe's lrn_layer.cpp: over all maps, whatever the groups of the convolution",
    }

    def conv(
        number: int, channels: int, size: int, bias: float, *, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> Conv:
        name = f"conv{number}"
        return Conv(name, channels, size, stride, padding, groups, weight_std=0.01, bias=bias, sources=conv_sources)

    def normalized(number: int) -> tuple[LayerSpec, LayerSpec]:
        norm = Norm(f"norm{number}", k=1.0, sources=norm_sources)
        pool = Pool(f"pool{number}", ceil=True, sources=pool_sources)
        return (pool, norm) if pool_first else (norm, pool)

    def hidden(number: int) -> tuple[LayerSpec, ...]:
        return (
            Linear(f"fc{number}", 4096, 0.005, hidden_bias, sources=sources),
            Activation(f"relu{number}", sources=sources),
            Dropout(f"drop{number}", sources=drop_sources),
        )

    return NetworkSpec(
        name=name,
        features=(
            conv(1, 96, 11, 0.0, stride=4),
            Activation("relu1", sources=sources),
            *normalized(1),
            conv(2, 256, 5, hidden_bias, padding=2, groups=2),
            Activation("relu2", sources=sources),
            *normalized(2),
            conv(3, 384, 3, 0.0, padding=1),
            Activation("relu3", sources=sources),
            conv(4, 384, 3, hidden_bias, padding=1, groups=2),
            Activation("relu4", sources=sources),
            conv(5, 256, 3, hidden_bias, padding=1, groups=2),
            Activation("relu5", sources=sources),
            Pool("pool5", ceil=True, sources=pool_sources),
        ),
        classifier=(*hidden(6), *hidden(7), Linear("fc8", None, 0.01, 0.0, sources=sources)),
        normalization="caffe",
        has_weights=True,
        source=f"Caffe's models/{folder}/train_val.prototxt; pooling rounds up (pooling_layer.cpp), LRN k = 1",
        inputs=_caffe_inputs(file),
    )


def _caffe_inputs(file: str) -> Inputs:
    return Inputs(
        227, 256, "whole image squashed to 256 px", "BGR", "0 to 255", "mean image of ImageNet",
        sources={
            "": file, "size": f"{file}: crop_size", "scale": f"{file}: no scale in transform_param",
            "subtracted": f"{file}: mean_file", "channels": "OpenCV's order: Caffe's src/caffe/util/io.cpp",
            "cut_from": "Caffe's examples/imagenet/create_imagenet.sh with RESIZE=true",
            "square": "Caffe's examples/imagenet/create_imagenet.sh with RESIZE=true",
        },
    )  # fmt: skip


CAFFE = _caffe("caffe", "bvlc_alexnet", hidden_bias=0.1, pool_first=False)
CAFFENET = _caffe("caffenet", "bvlc_reference_caffenet", hidden_bias=1.0, pool_first=True)
