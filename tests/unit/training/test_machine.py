"""Device and precision; subnormal numbers inside and after a training."""

import threading
from collections.abc import Iterator

import pytest
import torch

from alexnet.errors import RecipeError
from alexnet.recipe import Recipe
from alexnet.training import machine as machine_module
from alexnet.training.machine import choose_machine, subnormals_flushed

SUBNORMALS = torch.full((1_000_000,), 1e-40)


def num_flushed() -> int:
    """How many of a million subnormal numbers a parallel operation makes 0: those of the threads that flush."""
    return int((SUBNORMALS * 1.0 == 0.0).sum())


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads, whatever the machine has; the caller keeps subnormal numbers before and after."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.set_flush_denormal(False)
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(before)


def test_unknown_device_is_named() -> None:
    with pytest.raises(RecipeError, match="device xpu:9: unknown or not available; choose auto or cpu"):
        choose_machine(Recipe(device="xpu:9"))


@pytest.mark.parametrize(("is_fast", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_precision_is_bfloat16_where_the_cpu_is_fast_at_it(
    monkeypatch: pytest.MonkeyPatch, is_fast: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(machine_module, "has_fast_bfloat16", lambda: is_fast)
    machine = choose_machine(Recipe(device="cpu"))
    assert machine.dtype == dtype
    assert "fast bfloat16 matmul on this CPU" in str(machine)


def test_precision_of_the_recipe_is_used() -> None:
    machine = choose_machine(Recipe(device="cpu", precision="bfloat16"))
    assert machine.dtype == torch.bfloat16
    assert str(machine) == "cpu, bfloat16 (set by the recipe)"


def test_subnormals_are_flushed_by_every_thread_also_by_those_that_exist_already(two_threads: None) -> None:
    assert num_flushed() == 0
    with subnormals_flushed():
        assert num_flushed() == 1_000_000
    assert num_flushed() == 0


def test_threads_that_start_inside_keep_subnormals_afterwards(two_threads: None) -> None:
    """A new thread has a pool of its own, whose threads start with the first parallel operation: here inside."""
    seen: list[int] = []

    def work() -> None:
        with subnormals_flushed():
            seen.append(num_flushed())
        seen.append(num_flushed())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [1_000_000, 0]


def test_modes_that_differ_between_threads_are_put_back_as_they_were(two_threads: None) -> None:
    assert num_flushed() == 0  # the pool's threads exist, and keep subnormal numbers
    torch.set_flush_denormal(True)  # torch's own call reaches the calling thread only
    before = num_flushed()
    assert before == 500_000
    with subnormals_flushed():
        assert num_flushed() == 1_000_000
    assert num_flushed() == before


def test_mode_is_put_back_after_a_failure(two_threads: None) -> None:
    with pytest.raises(ValueError, match="inside"), subnormals_flushed():
        raise ValueError("inside")
    assert num_flushed() == 0


def test_without_openmp_the_calling_thread_is_set_and_set_back(
    two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_module, "_gomp_parallel", lambda: None)
    assert num_flushed() == 0
    with subnormals_flushed():
        assert num_flushed() == 500_000
    assert num_flushed() == 0
