"""What can go wrong that the user can correct, each kind with its own name.

    AlexNetError             one line that names the file or the setting and the next step
    ├── DataError            a folder, an archive or an image
    ├── RecipeError          a setting of a run
    ├── GeometryError        sizes that do not fit together
    ├── WeightsError         a weight file, a shape that fits nowhere, or weights that give no numbers
    ├── RunError             a run folder
    ├── ExportError          a network for other programs
    └── DownloadError        the network, asked for by the user

Whatever else is raised is a fault of this program.
"""

__all__ = [
    "AlexNetError",
    "DataError",
    "DownloadError",
    "ExportError",
    "GeometryError",
    "RecipeError",
    "RunError",
    "WeightsError",
    "is_lack_of_memory",
]

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""What torch says where a CPU (Linux, Windows) or a GPU has too little memory."""


class AlexNetError(Exception):
    """Base of every error that the user can correct. The message is one line, ready to be shown.

    >>> try:
    ...     alexnet.open_run("runs/typo")
    ... except alexnet.AlexNetError as error:
    ...     print(error)
    runs/typo: no such folder; give the folder that `alexnet train` wrote
    """


class DataError(AlexNetError):
    """A folder, an archive or an image cannot be used."""


class RecipeError(AlexNetError):
    """A setting of a run is unknown, out of range, or in conflict with another."""


class GeometryError(AlexNetError, ValueError):
    """A kernel is larger than its padded input, or the sizes of two layers do not fit."""


class WeightsError(AlexNetError):
    """A weight file cannot be read or fits nowhere in the network, or the weights give no numbers."""


class RunError(AlexNetError):
    """A run folder is missing, incomplete, in use, or cannot be written."""


class ExportError(AlexNetError):
    """A network cannot be exported: a package is missing, or the file cannot be written or is not right."""


class DownloadError(AlexNetError):
    """A download that the user asked for did not come whole."""


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is too little memory, of Python, of torch on a CPU, or of a GPU.

    >>> is_lack_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory")), is_lack_of_memory(ValueError())
    (True, False)
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    )
