"""The tables of 2012: the network as the paper prints it, as the authors' program computed it, and its half.

A layer's `sources` name where each number stands; `""` holds for the fields that are not named. "paper" is
Krizhevsky, Sutskever & Hinton, NIPS 2012; "145.cfg" is layers/layers-145.cfg of the program that the Computer
History Museum published (computerhistory/AlexNet-Source-Code, commit 2f8b81f), "145-params"
layers/layer-params-145.cfg beside it.
"""

from alexnet.model.specs import Activation, Conv, Dropout, Inputs, LayerSpec, Linear, MapNorm, NetworkSpec, Norm, Pool

__all__ = ["ONE_GPU", "PAPER", "PROGRAM"]

ROUNDED = "not printed; Figure 2 gives 55 px maps for 224 px, and the program rounds up (layer.py:1004)"
POOL_ROUNDED = "not printed; the program rounds up (layer.py:1164); the same either way at 224 px"
START = {
    "weight_std": "paper §5: N(0, 0.01)",
    "bias": "paper §5: 1 in conv2, conv4, conv5 and fc hidden layers, else 0",
}
NORM = {
    "": "paper §3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75",
    "alpha_divided": "paper §3.3: the formula sums alpha a², it does not divide by n",
    "groups": "paper §3.3: N is the number of kernels in the layer",
}
POOL = {"": "paper §3.4: z = 3, s = 2", "ceil": POOL_ROUNDED}
DROPOUT = {
    "": "paper §4.2: 0.5, in the first two fully connected layers",
    "form": "paper §4.2: in testing all outputs are multiplied by 0.5",
}
RELU = {"": "paper §3.5: ReLU on the output of every convolutional and fully connected layer"}


def _conv(
    name: str, channels: int, size: int, bias: float, said: str, *, padding: int, maps: str, groups: int = 1
) -> Conv:
    """A layer of the paper behind the first."""
    sources = {"": f"paper §3.5: {said}", "padding": f"not printed; Figure 2: maps stay {maps} px", **START}
    return Conv(
        name, channels, size, padding=padding, groups=groups, ceil=True, weight_std=0.01, bias=bias, sources=sources
    )


PAPER = NetworkSpec(
    name="paper",
    features=(
        Conv(
            "conv1", 96, 11, stride=4, ceil=True, weight_std=0.01, bias=0.0,
            sources={"": "paper §3.5: 96 kernels of 11 x 11 x 3, stride 4", "padding": ROUNDED, "ceil": ROUNDED}
            | START,
        ),
        Activation("relu1", sources=RELU),
        Norm("norm1", alpha_divided=False, sources=NORM),
        Pool("pool1", ceil=True, sources=POOL),
        _conv("conv2", 256, 5, 1.0, "256 kernels of 5 x 5 x 48, within a GPU", padding=2, maps="27", groups=2),
        Activation("relu2", sources=RELU),
        Norm("norm2", alpha_divided=False, sources=NORM),
        Pool("pool2", ceil=True, sources=POOL),
        _conv("conv3", 384, 3, 0.0, "384 kernels of 3 x 3 x 256, across the GPUs", padding=1, maps="13"),
        Activation("relu3", sources=RELU),
        _conv("conv4", 384, 3, 1.0, "384 kernels of 3 x 3 x 192, within a GPU", padding=1, maps="13", groups=2),
        Activation("relu4", sources=RELU),
        _conv("conv5", 256, 3, 1.0, "256 kernels of 3 x 3 x 192, within a GPU", padding=1, maps="13", groups=2),
        Activation("relu5", sources=RELU),
        Pool("pool5", ceil=True, sources=POOL),
    ),
    classifier=(
        Linear("fc6", 4096, 0.01, 1.0, sources={"": "paper §3.5: 4096 neurons each"} | START),
        Activation("relu6", sources=RELU),
        Dropout("drop6", "2012", sources=DROPOUT),
        Linear("fc7", 4096, 0.01, 1.0, sources={"": "paper §3.5: 4096 neurons each"} | START),
        Activation("relu7", sources=RELU),
        Dropout("drop7", "2012", sources=DROPOUT),
        Linear("fc8", None, 0.01, 0.0, sources={"": "paper §3.5: one output for each class"} | START),
    ),
    normalization="mean_image",
    source="Krizhevsky, Sutskever & Hinton, NIPS 2012, §3 to §5, as printed",
    inputs=Inputs(
        224, 256, "short side to 256 px, centre square", "RGB", "0 to 255", "mean image of the training set",
        sources={"": "paper §2", "size": "paper §4.1: 224 x 224 patches of the 256 x 256 pictures"},
    ),
)  # fmt: skip


def _file(part: str, file: str = "145.cfg") -> dict[str, str]:
    """The source of a layer of the program: its section in the table's file."""
    return {"": f"{file} [{part}]", "ceil": "layer.py:1004 and :1164: ceil"}


def _map_norms(file: str, groups: int) -> tuple[Norm, Norm, MapNorm]:
    """norm1, norm2 and the extra normalization within maps."""
    numbers = {
        "": "145-params: scale = 0.0001, pow = 0.75, minDiv = 2; size = 5",
        "alpha_divided": "layer.py:1183: scale /= size",
        "groups": f"{file} [rnorm1a], [rnorm2a]: the maps of one GPU",
    }
    extra = {"": f"{file} [cnorm2a], type rnorm; 145-params: scale = 0.001, pow = 0.75; layer.py:1183: / size**2"}
    return (
        Norm("norm1", groups=groups, sources=numbers),
        Norm("norm2", groups=groups, sources=numbers),
        MapNorm("mapnorm2", sources=extra),
    )


def _program(file: str, channels: tuple[int, int, int, int, int], *, groups: int) -> tuple[LayerSpec, ...]:
    """The convolutional half of a table of the program: `channels` of conv1 to conv5, in `groups` towers."""
    norm1, norm2, extra = _map_norms(file, groups)

    def conv(
        number: int, size: int, std: float, bias: float, *, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> Conv:
        name, sources = f"conv{number}", _file(f"conv{number}a", file)
        return Conv(name, channels[number - 1], size, stride, padding, groups, True, std, bias, sources=sources)

    return (
        conv(1, 11, 0.01, 0.0, stride=4),
        norm1,
        Pool("pool1", ceil=True, sources=_file("pool1a", file)),
        Activation("relu1", sources={"": f"{file} [pool1a]: neuron=relu, behind the pooling"}),
        conv(2, 5, 0.01, 1.0, padding=2, groups=groups),
        Activation("relu2", sources={"": f"{file} [conv2a]: neuron=relu"}),
        norm2,
        extra,
        Pool("pool2", ceil=True, sources=_file("pool2a", file)),
        conv(3, 3, 0.03, 0.0, padding=1),
        Activation("relu3", sources={"": f"{file} [conv3a]: neuron=relu"}),
        conv(4, 3, 0.03, 1.0, padding=1, groups=groups),
        Activation("relu4", sources={"": f"{file} [conv4a]: neuron=relu"}),
        conv(5, 3, 0.03, 1.0, padding=1, groups=groups),
        Pool("pool5", ceil=True, sources=_file("pool3a", file)),
        Activation("relu5", sources={"": f"{file} [pool3a]: neuron=relu, behind the pooling"}),
    )


def _program_classifier(file: str, names: tuple[str, str]) -> tuple[LayerSpec, ...]:
    def hidden(number: int, part: str) -> tuple[LayerSpec, ...]:
        return (
            Linear(f"fc{number}", 4096, 0.01, 1.0, sources=_file(part, file)),
            Activation(f"relu{number}", sources={"": f"{file} [{part}]: neuron=relu"}),
            Dropout(f"drop{number}", "2012", sources={"": f"{file} [hs{number - 5}a]: keep=0.5; HiddenSexLayer"}),
        )

    last = Linear("fc8", None, 0.01, 0.0, sources=_file("fc1000", file))
    return (*hidden(6, names[0]), *hidden(7, names[1]), last)


PROGRAM_INPUTS = Inputs(
    224, 256, "short side to 256 px, centre square", "RGB", "0 to 255", "mean image of the training set",
    sources={
        "": "convdata_jpeg.py",
        "cut_from": "convdata_jpeg.py: --crop-border; 16 gives 224 from 256 (the value used is not kept)",
        "subtracted": "convdata_jpeg.py: data_mean_crop, the centre of the mean image, off every crop",
    },
)  # fmt: skip

PROGRAM = NetworkSpec(
    name="program",
    features=_program("145.cfg", (96, 256, 384, 384, 256), groups=2),
    classifier=_program_classifier("145.cfg", ("fc2048a", "fc2048ba")),
    normalization="mean_image",
    source="the authors' 2012 program, layers/layers-145.cfg (2012-09-13), the run behind 40.7 / 18.2",
    inputs=PROGRAM_INPUTS,
)

ONE_GPU = NetworkSpec(
    name="one-gpu",
    features=_program("145-half.cfg", (48, 128, 192, 192, 256), groups=1),
    classifier=_program_classifier("145-half.cfg", ("fc4096a", "fc4096ba")),
    normalization="mean_image",
    source="the authors' 2012 program, layers/layers-145-half.cfg: one tower, conv5 as wide as two (paper §3.2)",
    inputs=PROGRAM_INPUTS,
)
