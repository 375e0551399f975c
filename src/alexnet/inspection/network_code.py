"""What a network computes besides its weights: the code and the plain settings of its modules, as bytes for a key."""

from collections.abc import Iterator
from types import CodeType

from torch import nn

__all__ = ["code_of"]

PLAIN = (bool, int, float, str, tuple, type(None))


def code_of(network: nn.Module) -> Iterator[bytes]:
    """Of every module its plain attributes, and once for every class its methods and those that it inherits.

    Classes of torch are left out. What methods call outside of their class is not seen.
    """
    classes: dict[type, None] = {}
    for name, module in network.named_modules():
        values = vars(module)
        plain = {key: each for key, each in values.items() if isinstance(each, PLAIN) and _is_setting(key)}
        yield f"{name} {sorted(plain.items())}".encode()
        if "forward" in values:  # replaced on this one module
            yield from _code(getattr(values["forward"], "__code__", None))
        classes |= dict.fromkeys(type(module).__mro__)
    for each in classes:
        if each is not object and each.__module__.partition(".")[0] != "torch":
            yield each.__qualname__.encode()
            for name, function in sorted(vars(each).items()):
                yield name.encode()
                yield from _code(getattr(function, "__code__", None))


def _is_setting(name: str) -> bool:
    return not name.startswith("_") and name != "training"


def _code(code: CodeType | None) -> Iterator[bytes]:
    """Instructions, names and constants; not where it stands in its file."""
    if code is None:
        return
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:  # a set has another order in every process
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant).encode()
