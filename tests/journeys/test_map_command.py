"""`alexnet map` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

from alexnet.runs.run import Run


def test_map_as_page_figure_and_json(run_command: Callable[..., tuple], narrow_run: Run, tmp_path: Path) -> None:
    for name in ("map.html", "map.png"):
        code, out, _ = run_command(
            "map",
            narrow_run.path,
            "--method",
            "pca",
            "--layer",
            "pool5",
            "-o",
            tmp_path / name,
            "--csv",
            tmp_path / "map.csv",
            "--json",
        )
        assert code == 0
        assert (tmp_path / name).stat().st_size > 5000
    assert (tmp_path / "map.csv").read_text().startswith("file,true,predicted,set,x,y\n")
    assert f"alexnet map {narrow_run.path} --layer pool5" in (tmp_path / "map.html").read_text()
    values = json.loads(out)
    assert (values["num_images"], len(values["images"]), values["method"]) == (93, 93, "pca")
    code, _, err = run_command("map", narrow_run.path, "--method", "umap")
    assert (code, "method umap: choose one of tsne, pca" in err) == (2, True)
