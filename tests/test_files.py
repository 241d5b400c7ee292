"""Files are written whole or not at all, whatever their name; locks exclude other processes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ignn_toolbox.files import (
    LockedError,
    did_you_mean,
    locked,
    nearest,
    remove_all_partial,
    remove_partial,
    sha256,
    write_bytes,
    write_whole,
)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a.png",
        "x" * 255,
        "é" * 127,
        "-o",
        "[*]?.png",
        ".part",
        os.fsdecode(b"caf\xe9 \xff.png"),
        "two\nlines",
        "\x1b[2J",
    ],
)
def test_any_name_that_a_file_may_have_can_be_written(tmp_path: Path, name: str) -> None:
    for content in (b"first", b"second"):
        write_bytes(tmp_path / "sub" / name, content)
        assert (tmp_path / "sub" / name).read_bytes() == content
        assert os.listdir(tmp_path / "sub") == [name]


def test_the_temporary_name_is_short_and_not_the_targets(tmp_path: Path) -> None:
    for name in ("a", "x" * 255):
        with write_whole(tmp_path / name) as partial:
            partial.touch()
            assert partial.parent == tmp_path
            assert len(partial.name) < 30
            assert name not in partial.name or len(name) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_former_file(tmp_path: Path, error: type[BaseException]) -> None:
    write_bytes(tmp_path / "x", b"former")

    def write() -> None:
        with write_whole(tmp_path / "x") as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert (tmp_path / "x").read_bytes() == b"former"
    assert os.listdir(tmp_path) == ["x"]


def test_a_failure_leaves_no_new_file(tmp_path: Path) -> None:

    def write() -> None:
        with write_whole(tmp_path / "x") as partial:
            (partial / "sub").mkdir(parents=True)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write()
    assert os.listdir(tmp_path) == []


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    with write_whole(tmp_path / "x") as partial:
        partial.mkdir()
        (partial / "a").touch()
        assert not (tmp_path / "x").exists()
    assert os.listdir(tmp_path) == ["x"]
    assert os.listdir(tmp_path / "x") == ["a"]


def test_what_a_killed_process_left_is_found(tmp_path: Path) -> None:
    code = (
        "import os, sys; from ignn_toolbox.files import write_whole\n"
        "with write_whole(sys.argv[1]) as partial: partial.touch(); os._exit(1)"
    )
    for name in ("a[1].png", "b.png"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    (tmp_path / ".hidden.part").touch()
    assert len(os.listdir(tmp_path)) == 3
    remove_partial(tmp_path / "a[1].png")
    assert len(os.listdir(tmp_path)) == 2
    remove_partial(tmp_path / "c.png")
    assert len(os.listdir(tmp_path)) == 2
    remove_all_partial(tmp_path)
    assert os.listdir(tmp_path) == [".hidden.part"]


def test_a_lock_excludes_other_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from ignn_toolbox.files import LockedError, locked\n"
        "try:\n    with locked(sys.argv[1], wait=False): print('free')\n"
        "except LockedError as error: print(error)"
    )

    def other() -> str:
        words = [sys.executable, "-c", code, str(tmp_path / "lock")]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    with locked(tmp_path / "lock"):
        assert other() == f"another process holds {tmp_path / 'lock'}"
    assert other() == "free"
    with pytest.raises(ValueError, match="mine"), locked(tmp_path / "lock"):
        raise ValueError("mine")
    with locked(tmp_path / "lock", wait=False):
        pass
    assert issubclass(LockedError, OSError)


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    for size in (0, 1, 2**20, 2**20 + 1):
        (tmp_path / "x").write_bytes(b"x" * size)
        assert sha256(tmp_path / "x") == hashlib.sha256(b"x" * size).hexdigest()


def test_the_nearest_name_is_told_or_all_of_them() -> None:
    known = ("upscale", "train", "test")
    assert nearest("upscael", known) == ["upscale"]
    assert nearest("zzz", known) == []
    assert did_you_mean("tain", known) == "did you mean `train`?"
    assert did_you_mean("zzz", iter(known)) == "choose from upscale, train, test"
