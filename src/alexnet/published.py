"""What others measured on ImageNet: errors printed in the paper, errors logged by the 2012 program, and claims.

"paper" is Krizhevsky, Sutskever & Hinton, NIPS 2012; "log" is the comment at the end of a parameter file in layers/
of the program that the Computer History Museum published (computerhistory/AlexNet-Source-Code, commit 2f8b81f).
Errors are fractions. None of these numbers was measured by this program.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.records import Record

__all__ = [
    "CLAIMS",
    "ILSVRC_CLASSES",
    "PAPER_TRAINING",
    "PUBLISHED",
    "PUBLISHED_VARIANTS",
    "Claim",
    "PaperTraining",
    "PublishedResult",
    "judge_comparability",
]

ILSVRC_CLASSES = 1000
"""Classes of ILSVRC-2010 and of ILSVRC-2012."""

ILSVRC_2012_NAMES = ("n01440764", "n15075141")
"""First and last class folder of ILSVRC-2012 in lexicographic order."""

PUBLISHED_VARIANTS = ("paper", "program", "one-gpu", "caffe", "caffenet", "torchvision")
"""Variants with published results, which the reports of their runs with 1000 classes show."""

TEN, CENTER, UNKNOWN = "ten crops", "center", "not stated"
TEST_2010, VALIDATION_2012 = "ILSVRC-2010 test", "ILSVRC-2012 validation"

Errors = tuple[float, float]


@dataclass(frozen=True)
class PublishedResult(Record):
    """One published result.

    views: those whose predictions are averaged. num_networks: networks whose predictions are averaged. top1_error,
    top5_error: as printed, fractions; None if not printed. logged: both with all digits of the log.
    """

    run: str
    test_set: str
    views: str
    num_networks: int
    top1_error: float | None
    top5_error: float | None
    source: str
    logged: Errors | None = None


@dataclass(frozen=True)
class Claim(Record):
    """A claim of the paper, or a trial in the program's logs, that a pair of trainings can repeat.

    difference: top-1 and top-5 error with the feature minus those without it, as the paper prints it; fractions.
    errors_with, errors_without: top-1 and top-5 error as logged. switch: settings of a recipe, `field=value`, that
    remove the feature from `--preset program`; None if no setting does. remark: what a reader should know.
    """

    sentence: str
    difference: Errors | None
    errors_with: Errors | None
    errors_without: Errors | None
    source: str
    switch: str | None
    remark: str = ""

    @property
    def logged_difference(self) -> Errors | None:
        """Errors with the feature minus errors without it, from the logs; None if one is missing."""
        if self.errors_with is None or self.errors_without is None:
            return None
        (top1, top5), (bare1, bare5) = self.errors_with, self.errors_without
        return top1 - bare1, top5 - bare5


@dataclass(frozen=True)
class PaperTraining(Record):
    """What the paper's own training took. days: shortest and longest time."""

    days: tuple[float, float]
    machine: str
    epochs: int
    images: int
    source: str


PAPER_TRAINING = PaperTraining(
    (5.0, 6.0), "two GTX 580 with 3 GB each", 90, 1_281_167,
    "paper §1 and §5 (roughly 90 epochs); training images: those of ILSVRC-2012",
)  # fmt: skip

PUBLISHED: tuple[PublishedResult, ...] = (
    PublishedResult(
        "1 CNN", TEST_2010, TEN, 1, 0.375, 0.170, "paper, Table 1; log 145-2010", (0.374727, 0.169987)
    ),
    PublishedResult(
        "1 CNN", TEST_2010, CENTER, 1, 0.390, 0.183, "paper, note 5; log 145-2010", (0.390247, 0.182953)
    ),
    PublishedResult(
        "1 CNN", VALIDATION_2012, TEN, 1, 0.407, 0.182, "paper, Table 2; log 145", (0.406640, 0.182100)
    ),
    PublishedResult(
        "1 CNN, learning rate raised again, 135 epochs", VALIDATION_2012, TEN, 1, 0.4025, 0.1799,
        "log 145, not in the paper",
    ),
    PublishedResult("5 CNNs", VALIDATION_2012, TEN, 5, 0.381, 0.164, "paper, Table 2"),
    PublishedResult("5 CNNs", "ILSVRC-2012 test", TEN, 5, None, 0.164, "paper, Table 2"),
    PublishedResult(
        "1 CNN*, pretrained on ImageNet Fall 2011", VALIDATION_2012, TEN, 1, 0.390, 0.166,
        "paper, Table 2; log 146-2012-2011", (0.3899, 0.16622),
    ),
    PublishedResult("7 CNNs*, two of them pretrained", VALIDATION_2012, TEN, 7, 0.367, 0.154, "paper, Table 2"),
    PublishedResult("7 CNNs*, two of them pretrained", "ILSVRC-2012 test", TEN, 7, None, 0.153, "paper, Table 2"),
    PublishedResult(
        "1 CNN, 10,184 classes", "ImageNet Fall 2009, half of it", UNKNOWN, 1, 0.674, 0.409, "paper §6"
    ),
    PublishedResult(
        "Caffe bvlc_alexnet", VALIDATION_2012, CENTER, 1, 0.429, 0.198, "its readme: accuracy 57.1 / 80.2 %"
    ),
    PublishedResult(
        "CaffeNet (pooling before LRN)", VALIDATION_2012, CENTER, 1, 0.426, 0.196,
        "its readme: accuracy 57.4 / 80.4 %",
    ),
    PublishedResult(
        "torchvision IMAGENET1K_V1", VALIDATION_2012, CENTER, 1, 0.43478, 0.20934,
        "its docs: accuracy 56.522 / 79.066 %",
    ),
    PublishedResult(
        "csm-kr/alexnet_pytorch", VALIDATION_2012, UNKNOWN, 1, 0.439, 0.212,
        "its readme; learning rate 0.01, color noise",
    ),
)  # fmt: skip
"""Published and logged results, the paper's first."""

FULL_2012 = (0.40664, 0.18210)  # log 145

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Two GPUs instead of one with half the kernels lower the errors by 1.7 and 1.2 points", (-0.017, -0.012),
        (0.374727, 0.169987), (0.39168, 0.182287), "paper §3.2; logs 145-2010, 145-half", "variant=one-gpu",
        "on ILSVRC-2010",
    ),
    Claim(
        "Local response normalization lowers the errors by 1.4 and 1.2 points", (-0.014, -0.012),
        FULL_2012, (0.42034, 0.19362), "paper §3.3; logs 145, 148", "lrn=off",
        "log 148 and the switch remove every normalization, also the one within feature maps",
    ),
    Claim(
        "Overlapping pooling lowers the errors by 0.4 and 0.3 points", (-0.004, -0.003),
        FULL_2012, (0.41058, 0.18510), "paper §3.4; logs 145, 147", "pooling=2/2",
        "log 147 also changes the padding of conv2 and conv3; the switch does not",
    ),
    Claim(
        "Color noise lowers the top-1 error by more than 1 point", None,
        None, None, "paper §4.1; no log found", "pca_color=0",
    ),
    Claim(
        "Removing any of the middle layers raises the top-1 error by about 2 points", None,
        None, None, "paper §7; no log found", None,
    ),
    Claim(
        "With ReLU, 25 % training error is reached 6 times as fast as with tanh", None,
        None, None, "paper §3.1, Figure 1: CIFAR-10, four conv layers", "activation=tanh",
        "another network and data set; the switch tests it on this one",
    ),
    Claim(
        "The two GPUs exchange feature maps in conv3 (not in the paper)", None,
        FULL_2012, (0.41828, 0.19330), "log 150", None,
    ),
    Claim(
        "Batches of 128 instead of 1,024 images (not in the paper)", None,
        None, None, "log 137: stopped", "batch_size=1024",
    ),
    Claim(
        "Batches of 256 at twice the learning rate do as well (not in the paper)", None,
        None, None, "log 170-256-double: the same as 170", "batch_size=256 learning_rate=0.02",
    ),
    Claim(
        "Half precision between the GPUs costs almost no accuracy (not in the paper)", None,
        (0.4052, 0.1842), None, "log 170-quant", None,
    ),
    Claim(
        "A learning rate that falls linearly instead of in steps fails (not in the paper)", None,
        None, None, "log 153: stopped at epoch 18", None,
    ),
)  # fmt: skip
"""The paper's claims about parts of the network, with their logs, and trials that only the logs report."""


def judge_comparability(classes: Sequence[str]) -> tuple[bool | None, str]:
    """Whether a run's errors can be compared with the published ones, and why, in one sentence.

    Args:
        classes: the run's class names.

    Returns:
        True for the classes of ILSVRC-2012, False for another number of classes, None for 1000 classes with other
        names: then only the reader knows.

    >>> judge_comparability(["ball", "foot"])[0]
    False
    """
    if len(classes) != ILSVRC_CLASSES:
        return False, (
            f"The published errors are on ImageNet; this run has {len(classes)} other classes: its errors cannot be "
            "compared with them."
        )
    if (min(classes), max(classes)) == ILSVRC_2012_NAMES:
        return True, (
            "The published errors are on ImageNet, and this run has the 1000 classes of ILSVRC-2012: its errors can "
            "be compared if test set, views and number of networks are the same."
        )
    return None, (
        "The published errors are on ImageNet; this run has 1000 classes, but with other names than ILSVRC-2012: its "
        "errors can be compared only if the images are ImageNet's."
    )
