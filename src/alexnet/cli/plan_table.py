"""The table that `alexnet train DATA --plan` shows."""

from typing import TYPE_CHECKING

from alexnet.cli.screen import number_of, screen

if TYPE_CHECKING:
    from alexnet.training.plan import Plan

__all__ = ["show_plan", "show_seconds"]

Rows = list[tuple[str, str, str]]


def show_plan(plan: "Plan") -> None:
    """Show what a training needs, with its warnings."""
    rows = [*_count_rows(plan), *_network_rows(plan), *_time_rows(plan)]
    screen.table(["what", "how much", "how it is found"], rows)
    for warning in plan.warnings:
        screen.note(f"warning: {warning}", style="yellow")
    for note in plan.notes:
        screen.note(note)
    screen.print_json(plan.to_dict() | {"seconds": screen.seconds})


def show_seconds(seconds: float, **values: str) -> None:
    """Show how long something will take; `values` stand beside it in the JSON object."""
    screen.print(f"about {number_of(max(1, round(seconds / 60)), 'minute')} on this machine")
    screen.print_json(values | {"seconds": seconds})


def _count_rows(plan: "Plan") -> Rows:
    counts, per_step = plan.counts, f"batches of {plan.batch_size}"
    parts = f"{counts.train:,} training, {counts.validation:,} validation, {counts.test:,} test"
    side, cached = plan.decoded_size, "; they are there already" if plan.is_cached else ""
    return [
        ("images", f"{counts.files:,}", f"{parts}; counted by name"),
        ("classes", f"{counts.classes:,}", ""),
        *_chosen_rows(plan),
        ("steps", f"{plan.num_steps:,}", f"{plan.epochs} epochs of {plan.steps_per_epoch:,}, {per_step}"),
        ("decoded images", _bytes(plan.cache_bytes), f"{counts.files:,} × {side} × {side} × 3 bytes{cached}"),
        ("free for them", _bytes(plan.free_bytes), plan.cache_path),
    ]


def _chosen_rows(plan: "Plan") -> Rows:
    """What was chosen for the size of the folder; no row where nothing was left open."""
    chosen, words = plan.chosen, []
    if "epochs" in chosen:
        words.append(number_of(int(chosen["epochs"]), "epoch"))
    if "batch_size" in chosen:
        words.append(f"batches of {chosen['batch_size']}")
    if "crop_scale" in chosen:
        words.append(f"crops keep {100 * chosen['crop_scale']:.0f} % of the area")
    if "validation_fraction" in chosen:
        fraction = chosen["validation_fraction"]
        words.append(f"{100 * fraction:.0f} % for validation" if fraction else "no validation")
    return (
        [("chosen", ", ".join(words), f"`auto` for {number_of(plan.chosen_for, 'training image')}")] if words else []
    )


def _network_rows(plan: "Plan") -> Rows:
    memory, cost = plan.memory, f"{plan.variant} network at {plan.size} px"
    split = (
        f"weights {_bytes(memory.weights)}, gradients {_bytes(memory.gradients)}, "
        f"momentum {_bytes(memory.momentum)}, activations {_bytes(memory.activations)}"
    )
    return [
        ("parameters", f"{plan.parameters:,}", cost),
        ("memory of a step", _bytes(memory.total), split),
        ("", "", "activations: 4 bytes × batch × (input and outputs of all layers but ReLU); workspaces on top"),
        ("multiply-adds", f"{plan.multiply_adds:,}", "an image, forward"),
        ("FLOP", f"{plan.flop:.3g}", "an image in training: multiply-adds × 2 × 3 (forward and two backward)"),
        ("FLOP in all", f"{plan.total_flop:.3g}", "every step of the training"),
    ]


def _time_rows(plan: "Plan") -> Rows:
    speeds, paper = plan.speeds, plan.paper
    step = speeds.step_seconds(plan.batch_size)
    cut = "" if speeds.batch == plan.batch_size else f", scaled to {plan.batch_size}"
    low, high = paper.days
    decoding = "done by an earlier training" if plan.is_cached else "once; later trainings take it from the cache"
    return [
        (
            "training speed",
            _speed(plan.batch_size / step),
            f"median of {speeds.num_steps} steps of {speeds.batch} random images{cut}; {speeds.machine}",
        ),
        ("decoding speed", _speed(speeds.decode_speed), f"{speeds.num_decoded} of the files, all cores"),
        ("decoding", _duration(plan.decode_seconds), decoding),
        ("an epoch", _duration(plan.epoch_seconds), "with its test of the held-out images"),
        ("the training", _duration(plan.training_seconds), "decoding, all epochs, the final test"),
        (
            "the paper's",
            f"{low:.0f} to {high:.0f} days",
            f"{paper.machine}, about {paper.epochs} epochs of {paper.images:,} images",
        ),
    ]


def _bytes(count: int) -> str:
    """Bytes as people read them."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _speed(images_per_second: float) -> str:
    return f"{images_per_second:,.{0 if images_per_second >= 100 else 1}f} images/s"


def _duration(seconds: float) -> str:
    """A time as people read it, in the unit that suits it."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
