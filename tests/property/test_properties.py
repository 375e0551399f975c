"""What holds for any input."""

import string

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from alexnet.data.split import hold_out
from alexnet.geometry import output_size
from alexnet.layers.lrn import local_response_norm
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.recipe_file import load_recipe

many = settings(max_examples=60, deadline=None)


@many
@given(st.integers(1, 60), st.integers(1, 11), st.integers(1, 5), st.integers(0, 5))
def test_output_size_equals_torchs_convolution(size: int, kernel_size: int, stride: int, padding: int) -> None:
    if size + 2 * padding >= kernel_size:
        out = nn.functional.conv1d(
            torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size), stride=stride, padding=padding
        )
        assert output_size(size, kernel_size, stride=stride, padding=padding) == out.shape[-1]


@many
@given(
    st.integers(1, 3),
    st.integers(1, 20),
    st.integers(1, 5),
    st.integers(1, 9),
    st.floats(0.5, 3.0),
    st.floats(0.25, 1.0),
)
def test_lrn_equals_torchs_forward_and_backward(n: int, c: int, side: int, size: int, k: float, beta: float) -> None:
    first = torch.randn(n, c, side, side, dtype=torch.float64).requires_grad_()
    second = first.detach().clone().requires_grad_()
    ours = local_response_norm(first, size, alpha=0.3, beta=beta, k=k)
    theirs = nn.functional.local_response_norm(second, size, 0.3, beta, k)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


@many
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), min_size=1, max_size=60),
    st.floats(0.0, 0.9),
    st.integers(0, 5),
)
def test_split_is_a_partition_that_parts_no_identical_images(
    images: list[tuple[str, int]], fraction: float, seed: int
) -> None:
    names, digests = [name for name, _ in images], [str(digest) for _, digest in images]
    kept, held = hold_out(range(len(images)), names, digests, fraction, seed)
    assert sorted([*kept, *held]) == list(range(len(images)))
    assert not {digests[row] for row in kept} & {digests[row] for row in held}
    for name in set(names):
        assert (
            any(names[row] == name for row in kept)
            or len({digests[r] for r, n in enumerate(names) if n == name}) < 13
        )


@many
@given(
    st.sampled_from(sorted(PRESETS)),
    st.integers(1, 500),
    st.floats(1e-8, 10.0),
    st.text(string.printable, max_size=20),
)
def test_recipe_survives_toml(tmp_path_factory, preset: str, epochs: int, rate: float, name: str) -> None:  # type: ignore[no-untyped-def]
    recipe: Recipe = PRESETS[preset].replace(epochs=epochs, learning_rate=rate, name=name)
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8", newline="")
    assert load_recipe(path) == recipe
