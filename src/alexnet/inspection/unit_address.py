"""The lasting address of a unit, `conv3/217`: parsed and written in this file only."""

from collections.abc import Iterable
from dataclasses import dataclass

from alexnet.errors import GeometryError
from alexnet.records import Record

__all__ = ["UnitAddress", "group_units", "parse_units", "parse_units_and_layers"]


@dataclass(frozen=True, order=True)
class UnitAddress(Record):
    """One feature map of a layer of maps, or one output of a fully connected layer.

    Args:
        layer: name of the layer; of a torch module of your own, as in `named_modules`.
        number: of the unit in its layer, from 0.

    >>> str(UnitAddress("conv3", 217))
    'conv3/217'
    """

    layer: str
    number: int

    def __str__(self) -> str:
        return f"{self.layer}/{self.number}"

    @classmethod
    def parse(cls, text: "str | UnitAddress") -> "UnitAddress":
        """The address that a text holds.

        Raises:
            GeometryError: it is not LAYER/NUMBER.

        >>> UnitAddress.parse("conv3/217").number
        217
        """
        if isinstance(text, UnitAddress):
            return text
        layer, slash, number = text.strip().rpartition("/")
        if not slash or not layer or not (number.isascii() and number.isdecimal()):
            raise GeometryError(f"unit {text}: write it as LAYER/NUMBER, for instance conv1/5")
        return cls(layer, int(number))

    def require_below(self, count: int) -> None:
        """Check that a layer of `count` units has this one.

        Raises:
            GeometryError: it does not.
        """
        if not 0 <= self.number < count:
            raise GeometryError(f"{self}: {self.layer} has units 0 to {count - 1}")


def parse_units(text: str) -> dict[str, list[int]]:
    """Read a list of addresses such as `conv1/5,conv1/9` as a dict: layer → numbers of its units.

    Raises:
        GeometryError: an address is not LAYER/NUMBER.

    >>> parse_units("conv1/5,conv1/9,fc7/100")
    {'conv1': [5, 9], 'fc7': [100]}
    """
    return group_units(UnitAddress.parse(address) for address in text.replace(" ", "").split(","))


def parse_units_and_layers(text: str) -> dict[str, list[int] | None]:
    """Read a list of units and whole layers, `conv1/5,conv3`, as a dict: layer → numbers, None for all of its units.

    Raises:
        GeometryError: a part is neither LAYER/NUMBER nor the name of a layer.

    >>> parse_units_and_layers("conv1/5,conv3,conv1/9")
    {'conv1': [5, 9], 'conv3': None}
    """
    units: dict[str, list[int] | None] = {}
    for part in text.replace(" ", "").split(","):
        if not part:
            raise GeometryError(f"units {text}: write LAYER/NUMBER or LAYER with commas between, as conv1/5,conv3")
        if "/" not in part:
            units[part] = None
            continue
        address = UnitAddress.parse(part)
        numbers = units.setdefault(address.layer, [])
        if numbers is not None and address.number not in numbers:
            numbers.append(address.number)
    return units


def group_units(addresses: Iterable[UnitAddress]) -> dict[str, list[int]]:
    """Addresses by layer: layer → numbers, each once, in the order in which they come."""
    units: dict[str, list[int]] = {}
    for address in addresses:
        numbers = units.setdefault(address.layer, [])
        if address.number not in numbers:
            numbers.append(address.number)
    return units
