"""Work split among threads into a few large parts, which a busy machine delays least."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["share"]


def share(work: Callable[[int], None], count: int) -> None:
    """Call work(0) ... work(count - 1), on as many threads as torch uses, each of its operations on one.

    Torch itself splits every operation and waits for the slowest part each time; if another program holds a core,
    each wait costs a time slice of some ms. Here there is one wait, at the end. Afterwards torch uses as many threads
    as before, also on failure.
    """
    threads = torch.get_num_threads()
    if min(threads, count) < 2:
        for place in range(count):
            work(place)
        return
    try:
        with ThreadPoolExecutor(min(threads, count), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for _ in pool.map(work, range(count)):
                pass
    finally:
        torch.set_num_threads(threads)
