"""The same network in Keras on PyTorch, `model.fit` on arrays in memory, if Keras is installed."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F

from alexnet.cli.process import keep_freed_memory
from alexnet.presets import PRESETS
from benchmarks.compare import MissingPeerError, Setting, Way, compare
from benchmarks.measured import Comparison
from benchmarks.ours import OurTraining

STEPS = 2
"""Steps in one timed call."""

PEER = "Keras, model.fit"


def measure(setting: Setting) -> list[Comparison]:
    """Our step does more: it reads the cache and augments, while Keras starts from float32 arrays in memory."""
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        keras = import_module("keras")
    except ImportError as error:
        raise MissingPeerError("Keras is not installed (python -m pip install keras): not measured") from error
    keep_freed_memory()
    training = OurTraining(setting.folder, PRESETS["seminar"])
    constant = OurTraining(setting.folder, PRESETS["seminar"])
    count = float(STEPS * training.batch_size)
    ways = {
        PEER: Way(_fitting(keras, training), count),
        "ours, seminar": Way(training.steps(STEPS), count),
        "ours, seminar, on one tensor": Way(constant.constant_steps(STEPS), count),
    }
    notes = (f"Keras {keras.__version__} on {keras.backend.backend()}; its arrays are in memory and not augmented",)
    title = "training step, compared with Keras"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", peer=PEER, notes=notes)]


def _fitting(keras: Any, training: OurTraining) -> Callable[[], None]:
    """`fit` on the first images of our epoch."""
    batches = [training.batch(step) for step in range(STEPS)]
    x = torch.cat([training.augmented(pixels, step) for step, (pixels, _) in enumerate(batches)])
    arrays, labels = x.contiguous().numpy(), torch.cat([numbers for _, numbers in batches]).numpy()
    model = _build(keras, training.network.num_classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss=loss)

    def run() -> None:
        model.fit(arrays, labels, batch_size=training.batch_size, epochs=1, shuffle=True, verbose=0)

    return run


def _build(keras: Any, num_classes: int) -> Any:
    """The seminar's network; Keras has no local response normalization, so PyTorch's is wrapped."""

    class Normalization(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: torch.Tensor) -> torch.Tensor:
            return F.local_response_norm(x, 5, 1e-4, 0.75, 2.0)

        def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
            return shape

    layers = keras.layers
    first = {"data_format": "channels_first"}

    def conv(channels: int, kernel: int, stride: int = 1, padding: str = "same") -> Any:
        return layers.Conv2D(channels, kernel, stride, padding, activation="relu", **first)

    def pool() -> Any:
        return layers.MaxPooling2D(3, 2, **first)

    return keras.Sequential([
        keras.Input((3, 96, 96)),
        conv(96, 11, 4, "valid"), Normalization(), pool(),
        conv(256, 5), Normalization(), pool(),
        conv(384, 3), conv(384, 3), conv(256, 3), pool(), layers.Flatten(),
        layers.Dropout(0.5), layers.Dense(4096, activation="relu"),
        layers.Dropout(0.5), layers.Dense(4096, activation="relu"), layers.Dense(num_classes),
    ])  # fmt: skip
