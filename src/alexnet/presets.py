"""The presets: named recipes."""

from alexnet.errors import RecipeError
from alexnet.files import shown_name
from alexnet.recipe import AUTO, Recipe

__all__ = ["PRESETS", "as_recipe"]

PAPER = Recipe(
    # Krizhevsky et al. 2012; "not printed" marks what the paper does not state
    name="paper",
    variant="paper",
    size=224,
    initialization="table",  # §5: N(0, 0.01), biases 1 in conv2, conv4, conv5, fc6, fc7
    resize="crop",  # §2: short side to 256, central 256 x 256
    crop_from=256 / 224,  # §4.1
    crop_last_offset=False,  # §4.1: "a factor of 2048" = 32 x 32 positions x 2
    normalization="mean_image",  # §2: minus the training set's mean of each pixel, raw values
    pca_color=0.1,  # §4.1: alpha ~ N(0, 0.1)
    pca_form="eigenvalue",  # §4.1; scale of the pixels not printed: 0 to 1 shifts by a few gray levels
    epochs=90,  # §5: "roughly 90 cycles"
    batch_size=128,  # §5
    optimizer="sgd_2012",  # §5: the rule as printed
    learning_rate=0.01,  # §5, equal for all layers
    momentum=0.9,  # §5
    weight_decay=5e-4,  # §5
    decay_biases=True,  # §5: the rule has no exception
    schedule="plateau",  # §5: divided by 10 when the validation error stopped improving, three times
    warmup=0.0,
    plateau_epochs=5,  # not printed
    plateau_drops=3,
    test_views="ten_crop",  # §4.1
)

PRESETS: dict[str, Recipe] = {
    "fast": Recipe(
        # chosen by experiment: EXPERIMENTS.md, "Orthogonalized updates" and "Which augmentation"
        name="fast",
        initialization="patches",
        epochs=AUTO,
        batch_size=AUTO,
        optimizer="muon",
        learning_rate=5e-4,
        muon_learning_rate=0.02,
        smooth_conv1=True,
        weight_decay=0.1,
        label_smoothing=0.05,
        crop_scale=AUTO,
        crop_ratio=1.25,
        crop_until=0.75,
        color=0.3,
        start_size=68,
        growth=0.8,
        validation_fraction=AUTO,
        test_views="mirror",
    ),
    "seminar": Recipe(
        # the notebook's settings (commit aa7d1e9); the validation split is ours, the notebook had none
        name="seminar",
        initialization="seminar",
        normalization="imagenet",
        epochs=20,
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-4,
        schedule="step",
        warmup=0.0,
        step_epochs=30,
        step_factor=0.1,
    ),
    "paper": PAPER,
    "paper-small": PAPER.replace(
        # chosen by experiment: EXPERIMENTS.md, "Why the paper's settings fail on small sets"
        name="paper-small",
        size=96,
        kernel_std=0.03,  # the 2012 program's own: layers-145.cfg, conv3 to conv5
        hidden_bias=0.5,
        epochs=24,
    ),
    "program": Recipe(
        # the 2012 program: layers-145.cfg, layer-params-145.cfg and the log at its end, convdata_jpeg.py
        name="program",
        variant="program",
        size=224,
        initialization="table",
        resize="crop",
        crop_from=256 / 224,
        crop_group=32,  # crop_chunk
        validation_fraction=0.0,  # it lowers the rate by epoch and tests the last network
        normalization="mean_image",
        pca_color=0.1,
        pca_form="std",
        pca_rescale=True,
        pca_until=67 / 91,  # "epoch 67: ... set color noise to 0 from 0.1"
        epochs=91,  # "epoch 91: killed"
        batch_size=128,
        optimizer="sgd_2012",
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        bias_learning_rate_factor=2.0,  # epsB=0.02
        bias_drops=False,  # epsB is 0.02 in the file of the finished run, where epsW is 0.00001
        schedule="drops",
        warmup=0.0,
        drops=(25 / 91, 51 / 91, 79 / 91),
        conv1_slow=67 / 91,  # "epoch 67: set epsw to 0.00001 from 0.0001 on conv1"
        conv1_stop=72 / 91,
        test_views="ten_crop",
    ),
    "finetune": Recipe(
        # chosen by experiment: EXPERIMENTS.md, "Fine-tuning from real kernels"
        name="finetune",
        variant="auto",
        initialization="gaussian",
        normalization="auto",
        epochs=AUTO,
        batch_size=AUTO,
        optimizer="adamw",
        learning_rate=1e-4,
        kernel_learning_rate_factor=0.2,
        weight_decay=0.01,
        crop_scale=0.6,
        crop_ratio=1.1,
        validation_fraction=AUTO,
        test_views="mirror",
    ),
}
"""The named recipes."""


def as_recipe(recipe: Recipe | str) -> Recipe:
    """A recipe, or the preset of that name.

    Raises:
        RecipeError: there is no such preset.

    >>> as_recipe("fast").name
    'fast'
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in PRESETS:
        raise RecipeError(f"preset {shown_name(recipe)[:80]}: no such preset; choose one of {', '.join(PRESETS)}")
    return PRESETS[recipe]
