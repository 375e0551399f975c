"""Names in a new folder that no other file there has."""

__all__ = ["FreeNames"]


class FreeNames:
    """The names that are in use in a folder, compared without regard to case."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._last: dict[str, int] = {}  # of each name asked for, the number that its last namesake got

    def take(self, folder: str, base: str) -> str:
        """`FOLDER/BASE`, or `FOLDER/2-BASE` and so on where that is in use; from now on it is.

        >>> names = FreeNames()
        >>> [names.take("cat", base) for base in ("a.jpg", "2-a.jpg", "A.jpg")]
        ['cat/a.jpg', 'cat/2-a.jpg', 'cat/3-A.jpg']
        """
        asked = name = f"{folder}/{base}"
        key = asked.casefold()
        while name.casefold() in self._used:
            self._last[key] = self._last.get(key, 1) + 1
            name = f"{folder}/{self._last[key]}-{base}"
        self._used.add(name.casefold())
        return name
