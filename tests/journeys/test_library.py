"""The same by the library: the lines of the README, and notebooks."""

import contextlib
from pathlib import Path

import alexnet
from tests.conftest import draw_stripes, small_recipe


def test_six_lines_of_python(image_folder: Path, tmp_path: Path) -> None:
    folder = alexnet.scan_folder(image_folder)
    run = alexnet.train(folder, small_recipe(epochs=1), out=tmp_path / "run")
    assert run.evaluation.num_images == 21
    assert all(mistake.true != mistake.predicted for mistake in run.mistakes())
    assert alexnet.kernels(run.model, "conv1").weights.shape[1:] == (3, 11, 11)
    draw_stripes(1, 9).save(tmp_path / "p.png")
    maps = alexnet.feature_maps(run.model, tmp_path / "p.png", "conv2")
    assert maps.before.shape[1:] == (7, 7)
    assert maps.to_dict()["layer"] == "conv2"
    assert "top-1 error" in run._repr_html_()
    assert run.curves()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert [p.file for p in run.predict([tmp_path / "p.png"])] == [str(tmp_path / "p.png")]
    assert alexnet.open_run(tmp_path / "run").evaluation == run.evaluation
    assert alexnet.write_report(run).name == "report.html"


def test_unfinished_run_shows_itself(image_folder: Path, tmp_path: Path) -> None:
    from alexnet.training.events import Event, Stepped

    class Stop(Exception):  # noqa: N818
        pass

    def stop(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == 2:
            raise Stop

    with contextlib.suppress(Stop):
        alexnet.train(image_folder, small_recipe(), out=tmp_path / "run", on_event=stop)
    run = alexnet.open_run(tmp_path / "run")
    assert "running, 0 epochs done" in run._repr_html_()
    assert len(run.folder.steps) == 2
    run.curves()
