"""Tables of 2012: the network as the paper prints it, as the authors' program computed it, and its half for one GPU.

A layer's `sources` say where each number comes from, and under `place` where its position in the order does; `""` is
for all that is not named. "paper" is Krizhevsky, Sutskever & Hinton, NIPS 2012. All files are of the program that the
Computer History Museum published (computerhistory/AlexNet-Source-Code, commit 2f8b81f): layers-145.cfg,
layers-145-half.cfg and their layer-params lie in its folder layers, and a name in brackets is a section of them.
"""

from alexnet.model.specs import Activation, Conv, Dropout, Inputs, LayerSpec, Linear, MapNorm, NetworkSpec, Norm, Pool

__all__ = ["ONE_GPU", "PAPER", "PROGRAM"]

ROUNDED = "not printed; Figure 2 gives 55 px maps for 224 px, and the program rounds up (layer.py:1004)"
EITHER_WAY = "with stride 1 nothing is rounded"
POOL_ROUNDED = "not printed; the program rounds up (layer.py:1164); the same either way at 224 px"
INITIAL = {
    "weight_std": "paper §5: zero-mean Gaussian of standard deviation 0.01 in each layer",
    "bias": "paper §5: 1 in conv2, conv4, conv5 and the fully connected hidden layers, else 0",
}
NORM = {
    "": "paper §3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75",
    "place": "paper §3.3: after the ReLU; §3.5: after the first and second convolutional layers",
    "alpha_divided": "paper §3.3: the formula sums alpha a², it does not divide by n",
    "groups": "paper §3.3: N is the number of kernels in the layer",
}
POOL = {
    "": "paper §3.4: z = 3, s = 2",
    "place": "paper §3.5: after both response normalizations and the fifth convolutional layer",
    "ceil": POOL_ROUNDED,
}
DROPOUT = {
    "": "paper §4.2: on the neurons' outputs, in the first two fully connected layers",
    "rate": "paper §4.2: each hidden neuron's output is zero with probability 0.5",
    "form": "paper §4.2: in testing all outputs are multiplied by 0.5",
}
RELU = {"": "paper §3.5: ReLU on the output of every convolutional and fully connected layer"}


def _conv(
    name: str, channels: int, size: int, bias: float, printed: str, *, padding: int, maps: str, groups: int = 1
) -> Conv:
    """A convolutional layer of the paper after the first."""
    same = f"not printed; Figure 2: maps stay {maps} px"
    sources = {
        "": f"paper §3.5: {printed}",
        "stride": same,
        "padding": same,
        "ceil": f"not printed; {EITHER_WAY}",
        **INITIAL,
    }
    return Conv(
        name, channels, size, padding=padding, groups=groups, ceil=True, weight_std=0.01, bias=bias, sources=sources
    )


PAPER = NetworkSpec(
    name="paper",
    features=(
        Conv(
            "conv1", 96, 11, stride=4, ceil=True, weight_std=0.01, bias=0.0,
            sources={"": "paper §3.5: 96 kernels of 11 x 11 x 3, stride 4", "padding": ROUNDED, "ceil": ROUNDED}
            | INITIAL,
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
        Linear("fc6", 4096, 0.01, 1.0, sources={"": "paper §3.5: 4096 neurons each"} | INITIAL),
        Activation("relu6", sources=RELU),
        Dropout("drop6", "2012", sources=DROPOUT),
        Linear("fc7", 4096, 0.01, 1.0, sources={"": "paper §3.5: 4096 neurons each"} | INITIAL),
        Activation("relu7", sources=RELU),
        Dropout("drop7", "2012", sources=DROPOUT),
        Linear("fc8", None, 0.01, 0.0, sources={"": "paper §3.5: one output for each class"} | INITIAL),
    ),
    normalization="mean_image",
    source="Krizhevsky, Sutskever & Hinton, NIPS 2012, §3 to §5, as printed",
    inputs=Inputs(
        224, 256, "short side to 256 px, center square", "RGB", "0 to 255", "mean image of the training set",
        sources={
            "": "paper §2", "size": "paper §4.1: 224 x 224 patches of the 256 x 256 images",
            "channels": "paper §2: the raw RGB values of the pixels",
            "scale": "paper §2: the raw RGB values of the pixels",
            "subtracted": "paper §2: the mean activity over the training set, from each pixel",
        },
    ),
)  # fmt: skip


REPOSITORY = "the authors' 2012 program (computerhistory/AlexNet-Source-Code, 2f8b81f)"
FILE, HALF = "layers-145.cfg", "layers-145-half.cfg"


def _norms(file: str, groups: int) -> tuple[Norm, Norm, MapNorm]:
    """norm1, norm2 and the additional normalization within maps."""
    numbers = file.replace("layers-", "layer-params-")

    def norm(number: int) -> Norm:
        part = f"{file} [rnorm{number}a]: cmrnorm"
        sources = {
            "": f"{numbers}: scale=0.0001, pow=0.75, minDiv=2",
            "alpha_divided": "layer.py:1183: scale /= size",
        }
        places = {"place": part, "size": f"{part}, size=5", "groups": f"{part} over the maps of one tower"}
        return Norm(f"norm{number}", groups=groups, sources=sources | places)

    part = f"{file} [cnorm2a]: type=rnorm"
    extra = {
        "": f"{numbers}: scale=0.001, pow=0.75; layer.py:1183: scale / size²",
        "place": part,
        "size": f"{part}, size=5",
        "k": f"not in {numbers}: layer.py reads minDiv for cmrnorm only; 1 as in the formula of rnorm",
    }
    return norm(1), norm(2), MapNorm("mapnorm2", sources=extra)


def _conv_part(file: str, number: int) -> dict[str, str]:
    return {"": f"{file} [conv{number}a]", "ceil": "layer.py:1004: ceil" if number == 1 else EITHER_WAY}


def _pool(file: str, number: int, part: str) -> Pool:
    return Pool(f"pool{number}", ceil=True, sources={"": f"{file} [{part}]", "ceil": "layer.py:1164: ceil"})


def _relu(file: str, number: int, part: str, place: str = "") -> Activation:
    return Activation(f"relu{number}", sources={"": f"{file} [{part}]: neuron=relu{place}"})


def _program(file: str, channels: tuple[int, int, int, int, int], *, groups: int) -> tuple[LayerSpec, ...]:
    """The convolutional part of a table of the program: `channels` of conv1 to conv5, in `groups` towers."""
    norm1, norm2, extra = _norms(file, groups)

    def conv(
        number: int, size: int, std: float, bias: float, *, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> Conv:
        name, sources = f"conv{number}", _conv_part(file, number)
        return Conv(name, channels[number - 1], size, stride, padding, groups, True, std, bias, sources=sources)

    return (
        conv(1, 11, 0.01, 0.0, stride=4),
        norm1,
        _pool(file, 1, "pool1a"),
        _relu(file, 1, "pool1a", ", after the pooling"),
        conv(2, 5, 0.01, 1.0, padding=2, groups=groups),
        _relu(file, 2, "conv2a"),
        norm2,
        extra,
        _pool(file, 2, "pool2a"),
        conv(3, 3, 0.03, 0.0, padding=1),
        _relu(file, 3, "conv3a"),
        conv(4, 3, 0.03, 1.0, padding=1, groups=groups),
        _relu(file, 4, "conv4a"),
        conv(5, 3, 0.03, 1.0, padding=1, groups=groups),
        _pool(file, 5, "pool3a"),
        _relu(file, 5, "pool3a", ", after the pooling"),
    )


def _program_classifier(file: str, names: tuple[str, str]) -> tuple[LayerSpec, ...]:
    """The fully connected part; `names`: the sections of fc6 and fc7."""

    def hidden(number: int, part: str) -> tuple[LayerSpec, ...]:
        drop = f"{file} [hs{number - 5}a]: keep=0.5"
        form = "src/layer.cu, HiddenSexLayer: masked in training, scaled in testing"
        return (
            Linear(f"fc{number}", 4096, 0.01, 1.0, sources={"": f"{file} [{part}]"}),
            _relu(file, number, part),
            Dropout(f"drop{number}", "2012", sources={"": drop, "rate": drop, "form": form}),
        )

    last = Linear("fc8", None, 0.01, 0.0, sources={"": f"{file} [fc1000]"})
    return (*hidden(6, names[0]), *hidden(7, names[1]), last)


BORDER = "16 fits, 4 is its default, the value of the run is not kept"

PROGRAM_INPUTS = Inputs(
    224, 256, "short side to 256 px, center square", "RGB", "0 to 255", "mean image of the training set",
    sources={
        "": "convdata_jpeg.py",
        "size": f"paper §4.1; convdata_jpeg.py: 256 less twice --crop-border; {BORDER}",
        "cut_from": f"paper §2; convdata_jpeg.py: 224 and twice --crop-border; {BORDER}",
        "square": "paper §2, of the same images",
        "subtracted": "convdata_jpeg.py: data_mean_crop, the center of the mean image, off every crop",
    },
)  # fmt: skip

PROGRAM = NetworkSpec(
    name="program",
    features=_program(FILE, (96, 256, 384, 384, 256), groups=2),
    classifier=_program_classifier(FILE, ("fc2048a", "fc2048ba")),
    normalization="mean_image",
    source=f"{REPOSITORY}: layers/{FILE} (2012-09-13), the run behind 40.7 / 18.2",
    inputs=PROGRAM_INPUTS,
)

ONE_GPU = NetworkSpec(
    name="one-gpu",
    features=_program(HALF, (48, 128, 192, 192, 256), groups=1),
    classifier=_program_classifier(HALF, ("fc4096a", "fc4096ba")),
    normalization="mean_image",
    source=f"{REPOSITORY}: layers/{HALF}, one tower, conv5 as wide as two (paper §3.2)",
    inputs=PROGRAM_INPUTS,
)
