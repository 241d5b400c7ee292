"""One bad file stops no other."""

from pathlib import Path

import numpy as np

from ignn_toolbox.bulk.run import DONE, FAILED, run_jobs
from ignn_toolbox.bulk.worklist import OutputRules, plan_jobs
from ignn_toolbox.images import write_image
from ignn_toolbox.restore import SRInferencer


def test_unreadable_file_is_reported_and_the_rest_is_done(tmp_path, nearest_restorer, monkeypatch):
    for name in ("closed.png", "open.png"):
        write_image(tmp_path / "in" / name, np.zeros((20, 20, 3), np.uint8))
    read = Path.read_bytes

    def refuse(self):
        if self.name == "closed.png":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    jobs = plan_jobs([str(tmp_path / "in")], str(tmp_path / "out"), OutputRules())
    closed, opened = run_jobs(jobs, SRInferencer(nearest_restorer))
    assert (closed.status, opened.status) == (FAILED, DONE)
    assert "Permission denied" in closed.message
    assert "closed.png" in closed.message
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["open.png"]
