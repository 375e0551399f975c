"""What a test without some units gave: errors, classes and images, as frozen values that draw themselves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alexnet.files import shown_name
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Ablation", "ClassChange", "ImageAblation", "JointAblation", "UnitAblation"]


@dataclass(frozen=True)
class ClassChange(Record):
    """How the recall of a class changes.

    Args:
        name: of the class.
        num_images: its test images.
        recall: the fraction of them that is classified correctly without the units.
        difference: that minus the fraction with them; negative where the class suffers.
    """

    name: str
    num_images: int
    recall: float
    difference: float


@dataclass(frozen=True)
class UnitAblation(Record):
    """A test with one unit switched off.

    Args:
        unit: its address, LAYER/NUMBER; of several, what is off, with commas: units, and layers by name.
        error: top-1 error without it.
        difference: that error minus the baseline's; positive where the unit helps.
        interval: 95 % interval of the difference, paired.
        fixed, broken: files of the images classified correctly only without it, and only with it.
        classes: those whose recall changes, the largest fall first.
    """

    unit: str
    error: float
    difference: float
    interval: tuple[float, float]
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    classes: tuple[ClassChange, ...]

    @property
    def num_fixed(self) -> int:
        """Images classified correctly only without the unit."""
        return len(self.fixed)

    @property
    def num_broken(self) -> int:
        """Images classified correctly only with the unit."""
        return len(self.broken)

    @property
    def suffering(self) -> tuple[ClassChange, ...]:
        """The classes whose recall falls, the largest fall first."""
        return tuple(each for each in self.classes if each.difference < 0.0)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the numbers of images fixed and broken."""
        return super().to_dict() | {"num_fixed": self.num_fixed, "num_broken": self.num_broken}


@dataclass(frozen=True)
class JointAblation(UnitAblation):
    """A test with units of any layers switched off together, or whole layers.

    Args:
        baseline_error: top-1 error with every unit.
        num_images: test images.
        by: what replaced the outputs, `zero` or `mean`.
        views: what of each image was tested.
    """

    baseline_error: float
    num_images: int
    by: str = "zero"
    views: str = ""

    def draw(self) -> "Figure":
        """The change of every class's recall as a bar, the largest fall first."""
        from alexnet.figures.ablation_bars import draw_recall_changes

        title = (
            f"without {self.unit}: test error {100 * self.error:.1f} %, with all units "
            f"{100 * self.baseline_error:.1f} % ({self.num_images:,} images, {self.views})"
        )
        changes = [(shown_name(each.name), each.difference, each.num_images) for each in self.classes]
        return draw_recall_changes(changes, title=title)


@dataclass(frozen=True)
class ImageAblation(Record):
    """The probabilities of one image with all units, and with some switched off.

    Args:
        unit: what is switched off, separated by commas.
        file: of the image.
        classes: all of them, in the network's order.
        before, after: their probabilities with all units, and without.
        by: what replaced the outputs, `zero` or `mean`.
        views: what of the image the network got.
    """

    unit: str
    file: str
    classes: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    by: str = "zero"
    views: str = ""

    @property
    def predicted_before(self) -> str:
        """The most probable class with all units."""
        return self.classes[self.before.index(max(self.before))]

    @property
    def predicted_after(self) -> str:
        """The most probable class without them."""
        return self.classes[self.after.index(max(self.after))]

    def strongest(self, most: int) -> list[int]:
        """Numbers of the classes among the `most` most probable ones before or after, by the probability before."""
        chosen: set[int] = set()
        for values in (self.before, self.after):
            chosen.update(sorted(range(len(values)), key=lambda k: -values[k])[:most])
        return sorted(chosen, key=lambda k: -self.before[k])

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the predicted classes."""
        predicted = {"predicted_before": self.predicted_before, "predicted_after": self.predicted_after}
        return super().to_dict() | predicted

    def draw(self) -> "Figure":
        """The probabilities before and after side by side."""
        from alexnet.figures.ablation_bars import draw_probabilities

        rows = [(shown_name(self.classes[k]), self.before[k], self.after[k]) for k in self.strongest(12)]
        title = f"{shown_name(self.file)} with all units, and without {self.unit} ({self.views})"
        return draw_probabilities(rows, title=title)


@dataclass(frozen=True)
class Ablation(Record):
    """Every unit of a layer switched off, one at a time.

    Args:
        layer: name of the layer.
        num_images: test images.
        baseline_error: top-1 error with every unit.
        units: in order of their numbers.
        dead: units that give the same number for every test image at all places, after the batch normalization and
            the activation that follow the layer, if any do.
        duplicates: pairs of units of one group, which read the same maps, whose weights correlate by more than 0.98;
            their length and the biases may differ.
        by: what replaced a unit's output, `zero` or `mean`.
        views: what of each image was tested.
    """

    layer: str
    num_images: int
    baseline_error: float
    units: tuple[UnitAblation, ...]
    dead: tuple[int, ...]
    duplicates: tuple[tuple[int, int], ...]
    by: str = "zero"
    views: str = ""

    def draw(self) -> "Figure":
        """The effect of every unit as a bar, largest first, with its interval; dead and duplicate ones are marked."""
        from alexnet.figures.ablation_bars import Bar, draw_bars

        ordered = sorted(enumerate(self.units), key=lambda each: -each[1].difference)
        bars = [Bar(str(number), unit.difference, unit.interval, self._mark(number)) for number, unit in ordered]
        title = (
            f"{self.layer}: change of the test error without each unit "
            f"({100 * self.baseline_error:.1f} % with all; {self.num_images:,} images, {self.views})"
        )
        return draw_bars(bars, title=title)

    def _mark(self, number: int) -> str:
        """`dead`, or the first unit whose kernel is the same, `like 5`."""
        if number in self.dead:
            return "dead"
        like = sorted({each for pair in self.duplicates if number in pair for each in pair} - {number})
        return f"like {like[0]}" if like else ""
