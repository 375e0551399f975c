"""The tables of all variants. A table is data, a `NetworkSpec`, in a module of this folder.

A new variant is a new file here, or another entry in one, whose name is in the module's `__all__`. It is then found
everywhere: by the command line, recipes, weight files and the documentation's tables.
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from alexnet.model.specs import NetworkSpec

__all__ = ["find_tables"]


def find_tables(modules: Iterable[str] = ()) -> dict[str, NetworkSpec]:
    """Every table by the name of its variant, in the order of files and lines.

    Args:
        modules: names of the modules to search; all of this folder if empty.

    Raises:
        ValueError: two tables have one name.
    """
    names = list(modules) or sorted(f"{__name__}.{info.name}" for info in pkgutil.iter_modules(__path__))
    tables: dict[str, NetworkSpec] = {}
    for module in map(import_module, names):
        for name, value in vars(module).items():
            if name in module.__all__ and isinstance(value, NetworkSpec):
                if value.name in tables:
                    raise ValueError(f"{module.__name__}.{name}: there is a variant {value.name} already")
                tables[value.name] = value
    return tables
