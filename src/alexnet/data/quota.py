"""How many images of a class are held out."""

__all__ = ["num_held_out"]


def num_held_out(total: int, fraction: float, *, at_least: int = 0) -> int:
    """How many images of a class are held out, where no two are identical; one is kept in any case.

    Args:
        total: images of the class.
        fraction: of them, 0 to 1. at_least: images, where the fraction is fewer.

    >>> num_held_out(30, 0.05), num_held_out(2, 0.05, at_least=1), num_held_out(1, 0.9, at_least=1)
    (2, 1, 0)
    """
    return max(0, min(max(at_least, round(total * fraction)), total - 1))
