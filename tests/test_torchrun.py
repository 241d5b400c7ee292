"""The launcher of several processes says nothing of its own when they have said what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from ignn_toolbox.torchrun import main


@pytest.mark.parametrize(("code", "status"), [(None, 0), (1, 1), (3, 3), (-9, 137)])
def test_options_are_torchruns_and_the_status_the_processes(monkeypatch, capfd, code, status):
    def fake(args):
        assert (args.nproc_per_node, args.module, args.training_script) == (
            *("2", True, "ignn_toolbox"),
        )
        assert args.training_script_args == ["upscale", "in", "-o", "out"]
        if code is not None:
            failure = ProcessFailure(0, 1, code, "<N/A>")
            raise ChildFailedError("ignn_toolbox", {0: failure})

    monkeypatch.setattr(run, "run", fake)
    assert main(["--nproc-per-node", "2", "upscale", "in", "-o", "out"]) == status
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_ends_it_in_silence(monkeypatch):
    for error in (KeyboardInterrupt(), SignalException("stopped", 15)):
        monkeypatch.setattr(run, "run", lambda args, error=error: (_ for _ in ()).throw(error))
        assert main(["upscale", "in"]) == 130


@pytest.mark.slow
def test_our_summary_is_the_last_thing_that_is_said(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/junk.png").write_bytes(b"junk")
    words = ("--standalone", "--nproc-per-node", "2", "upscale", "in", "-o", "out")
    done = subprocess.run(
        [sys.executable, "-m", "ignn_toolbox.torchrun", *words, "--device", "cpu"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 1
    first, failed, last = done.stderr.splitlines()
    assert first == "1 picture: 0 restored, 1 failed"
    assert "in/junk.png is not a picture" in failed
    assert "--retry-failed" in last
