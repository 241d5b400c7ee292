"""Every picture gets one output of its own, and never another picture's or its own file."""

import os
from pathlib import Path

import pytest

from ignn_toolbox.bulk.worklist import Listing, OutputRules
from ignn_toolbox.bulk.worklist import plan_jobs as plan


def plan_jobs(*args):
    return plan(*args).jobs


@pytest.fixture
def tree(tmp_path):
    for name in (
        "in/b.PNG",
        "in/a.jpg",
        "in/deep er/ä ö.webp",
        "in/notes.txt",
        "in/x.png/c.bmp",
        "in/._a.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def pairs(jobs, root):
    return {
        str(job.source.relative_to(root)): str(job.target.relative_to(root))
        for job in jobs
        if not job.fault
    }


def test_folders_are_walked_and_mirrored(tree):
    jobs = plan_jobs([str(tree / "in")], str(tree / "out"), OutputRules())
    assert pairs(jobs, tree) == {
        "in/a.jpg": "out/a.jpg",
        "in/b.PNG": "out/b.PNG",
        "in/deep er/ä ö.webp": "out/deep er/ä ö.webp",
        "in/x.png/c.bmp": "out/x.png/c.bmp",
    }


def test_what_is_passed_over_is_said_and_broken_links_are_reported(tree):
    os.mkfifo(tree / "in" / "pipe.png")
    (tree / "in" / "link.png").symlink_to(tree / "nowhere.png")
    worklist = plan([str(tree / "in")], str(tree / "out"), OutputRules())
    names = {job.source.name for job in worklist.jobs}
    assert "pipe.png" not in names
    assert "link.png" in names
    (said,) = worklist.passed_over
    assert said == (
        f"passed over in {tree}/in: 1 file of other kinds (1 .txt), 1 hidden, {tree}/in/pipe.png "
        "(a FIFO (named pipe))"
    )


def test_linked_folders_are_mirrored_like_others(tree):
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "d.png").write_bytes(b"")
    (tree / "in" / "linked").symlink_to(tree / "elsewhere")
    jobs = plan_jobs([str(tree / "in")], str(tree / "out"), OutputRules())
    assert pairs(jobs, tree)["in/linked/d.png"] == "out/linked/d.png"


def test_format_and_suffix_change_the_name(tree):
    jobs = plan_jobs([str(tree / "in")], str(tree / "out"), OutputRules("png", "_x2"))
    assert sorted(pairs(jobs, tree).values()) == [
        "out/a_x2.png",
        "out/b_x2.PNG",
        "out/deep er/ä ö_x2.png",
        "out/x.png/c_x2.png",
    ]


def test_second_run_leaves_the_first_ones_results_alone(tree):
    (tree / "in" / "out").mkdir()
    (tree / "in" / "out" / "a.jpg").write_bytes(b"")
    jobs = plan_jobs([str(tree / "in")], str(tree / "in" / "out"), OutputRules())
    assert "in/out/a.jpg" not in pairs(jobs, tree)
    assert len(jobs) == 4


def test_output_equal_to_an_input_is_refused(tree):
    source = str(tree / "in" / "a.jpg")
    for output in (source, str(tree / "in"), str(tree / "in" / "x.png" / ".." / "a.jpg")):
        (job,) = plan_jobs([source], output, OutputRules())
        assert "is the input" in job.fault
    link = tree / "link.jpg"
    link.symlink_to(source)
    (job,) = plan_jobs([source], str(link), OutputRules())
    assert "is the input" in job.fault
    other = tree / "in" / "b.jpg"
    other.write_bytes(b"")
    jobs = plan_jobs([source, str(other)], str(tree / "in"), OutputRules(suffix=""))
    assert all("is the input" in job.fault for job in jobs)


def test_two_pictures_never_share_an_output(tree):
    (tree / "in" / "a.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"nothing was done.*a\.webp from .*a\.jpg and from .*a\.png"
    ):
        plan_jobs([str(tree / "in")], str(tree / "out"), OutputRules("webp"))
    with pytest.raises(ValueError, match=r"a\.jpg from .*a\.jpg and from .*a\.jpg"):
        plan_jobs([str(tree / "in"), str(tree / "in" / "a.jpg")], str(tree / "out"), OutputRules())


def test_output_through_a_link_is_the_same_output(tree):
    (tree / "out").mkdir()
    (tree / "out" / "b.jpg").symlink_to(tree / "out" / "a.jpg")
    (tree / "in" / "b.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="share an output"):
        plan_jobs([str(tree / "in")], str(tree / "out"), OutputRules())


def test_missing_input_is_a_fault_of_its_own(tree):
    jobs = plan_jobs(
        [str(tree / "in" / "a.jpg"), str(tree / "none.png")], str(tree / "out"), OutputRules()
    )
    assert jobs[0].fault is None
    assert "none.png does not exist" in jobs[1].fault


def test_one_file_may_name_its_output(tree):
    (job,) = plan_jobs([str(tree / "in" / "a.jpg")], str(tree / "new.tif"), OutputRules())
    assert (job.target, job.format) == (tree / "new.tif", "tiff")
    with pytest.raises(ValueError, match="no name for a png file"):
        plan_jobs([str(tree / "in" / "a.jpg")], str(tree / "new.tif"), OutputRules("png"))
    with pytest.raises(ValueError, match="several pictures need a folder"):
        plan_jobs([str(tree / "in")], str(tree / "new.png"), OutputRules())


@pytest.mark.parametrize("name", ["new.gif", "new.avif", "new.xyz", "results.v2"])
def test_one_file_has_no_output_of_unknown_format(tree, name):
    source = str(tree / "in" / "a.jpg")
    with pytest.raises(ValueError, match=rf"can be written as \{Path(name).suffix}; choose one of"):
        plan_jobs([source], str(tree / name), OutputRules())
    (job,) = plan_jobs([source], f"{tree / name}/", OutputRules())
    assert job.target == tree / name / "a.jpg"
    (tree / name).mkdir()
    (job,) = plan_jobs([source], str(tree / name), OutputRules())
    assert job.target == tree / name / "a.jpg"
    jobs = plan_jobs([str(tree / "in")], str(tree / "b.v2"), OutputRules())
    assert jobs[0].target.parent == tree / "b.v2", "several pictures need a folder anyway"


def test_streams_take_one_picture(tree):
    (job,) = plan_jobs(["-"], "-", OutputRules("png"))
    assert (job.source, job.target, job.format) == (None, None, "png")
    (job,) = plan_jobs(["-"], str(tree / "new.png"), OutputRules())
    assert (job.source, job.format) == (None, "png")
    with pytest.raises(ValueError, match="one picture at a time"):
        plan_jobs(["-", "a.png"], "-", OutputRules())
    with pytest.raises(ValueError, match="is a folder"):
        plan_jobs([str(tree / "in")], "-", OutputRules())
    with pytest.raises(ValueError, match="needs a file name or -"):
        plan_jobs(["-"], str(tree / "out"), OutputRules())


def test_nothing_to_do_is_an_error(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"no pictures .* passed over in .*: 1 file of other .*\.gif"
    ):
        plan_jobs([str(tmp_path)], str(tmp_path / "out"), OutputRules())


def test_closed_folder_is_reported(tree, monkeypatch):
    closed, scandir = tree / "in" / "deep er", os.scandir

    def refusing(folder):
        if str(folder) == str(closed):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    jobs = plan_jobs([str(tree / "in")], str(tree / "out"), OutputRules())
    (fault,) = [job for job in jobs if job.fault]
    assert (fault.source, fault.fault) == (closed, "cannot be listed: Permission denied")
    assert len(jobs) == 4


def test_list_mirrors_what_lies_below_its_root(tree):
    names = tree / "names.txt"
    names.write_bytes("a.jpg\r\n\ndeep er/ä ö.webp\nnone.png\n".encode())
    listing = Listing(names, tree / "in")
    jobs = plan_jobs([], str(tree / "out"), OutputRules("png"), listing)
    assert pairs(jobs, tree) == {
        "in/a.jpg": "out/a.png",
        "in/deep er/ä ö.webp": "out/deep er/ä ö.png",
        "in/none.png": "out/none.png",
    }
    assert [job.number for job in jobs] == [0, 1, 2]
    names.write_text(str(tree / "in" / "a.jpg"))
    (job,) = plan_jobs([], str(tree / "out"), OutputRules(), listing)
    assert job.target == tree / "out" / "a.jpg"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "names.txt does not exist"),
        (b"", "names.txt is empty"),
        (b"\n\r\n", "names.txt is empty"),
        (b"\x89PNG\0", "names.txt is not text"),
        (b"a.jpg\n../a.jpg\n", r"names.txt, line 2: .* lies outside .*--root"),
        (b"/a.jpg\n", r"line 1: /a.jpg lies outside"),
    ],
)
def test_unreadable_list_is_refused(tree, content, message):
    names = tree / "names.txt"
    if content is not None:
        names.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=message):
        plan_jobs([], str(tree / "out"), OutputRules(), Listing(names, tree / "in"))


def test_a_pipe_is_no_list(tmp_path):
    os.mkfifo(tmp_path / "list.txt")
    with pytest.raises(ValueError, match=r"the list .*list\.txt is a FIFO \(named pipe\)"):
        list(Listing(tmp_path / "list.txt").paths())


@pytest.mark.parametrize("line", [".", "./", "a/.."])
def test_a_list_names_no_folder_as_a_picture(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"a.png\n{line}\n")
    with pytest.raises(ValueError, match=r"list\.txt, line 2: .* is a folder"):
        list(Listing(tmp_path / "list.txt", tmp_path).paths())


def test_a_mark_of_byte_order_belongs_to_no_name(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.png\r\nb.png\r\n")
    names = [name for _, name in Listing(tmp_path / "list.txt").paths()]
    assert names == [Path("a.png"), Path("b.png")]


def test_folder_is_no_list(tree):
    with pytest.raises(IsADirectoryError, match="is a folder; name it without --list"):
        plan_jobs([], str(tree / "out"), OutputRules(), Listing(tree / "in"))


def test_streams_and_nothing_exclude_lists(tree):
    with pytest.raises(ValueError, match="no list"):
        plan_jobs(["-"], str(tree / "out"), OutputRules(), Listing(tree / "names.txt"))
    with pytest.raises(ValueError, match="--list"):
        plan_jobs([], str(tree / "out"), OutputRules())
