"""Walking folders: links are followed, loops found, and nothing is passed over unsaid."""

import logging
import os
import socket

import pytest

from ignn_toolbox.images.walk import kind_of_special, list_images, walk


@pytest.fixture
def tree(tmp_path):
    for name in ("b.png", "a.JPG", "z/c.webp", "deep er/d.tif", "deep er/notes.txt", "e", "f.gif"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "in"


def names(found):
    return [str(path.relative_to(found.root)) for path in found.pictures]


def test_pictures_come_in_the_order_of_names_folder_by_folder(tree):
    found = walk(tree)
    assert names(found) == ["a.JPG", "b.png", "deep er/d.tif", "z/c.webp"]
    assert found.passed_over() == (
        f"passed over in {tree}: 3 files of other kinds (1 without suffix, 1 .gif, 1 .txt)"
    )
    assert names(walk(tree, suffixes=(".gif",))) == ["f.gif"]
    assert names(walk(tree, without=tree / "deep er")) == ["a.JPG", "b.png", "z/c.webp"]


def test_linked_folders_are_entered_wherever_they_lead(tree):
    outside = tree.parent / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner" / "g.png").write_bytes(b"")
    (tree / "link").symlink_to(outside)
    (tree / "again").symlink_to(outside / "inner")
    assert names(walk(tree))[2:] == ["again/g.png", "deep er/d.tif", "link/inner/g.png", "z/c.webp"]
    linked = tree.parent / "linked"
    linked.symlink_to(tree)
    assert names(walk(linked)) == names(walk(tree))


def test_links_that_lead_back_are_found(tree):
    (tree / "z" / "up").symlink_to(tree)
    (tree / "z" / "own").symlink_to(tree / "z")
    (tree / "deep er" / "other").symlink_to(tree / "z")
    (tree / "z" / "other").symlink_to(tree / "deep er")
    (tree / "self").symlink_to("self")
    found = walk(tree)
    assert set(names(found)) == {
        *("a.JPG", "b.png", "deep er/d.tif", "z/c.webp"),
        *("deep er/other/c.webp", "z/other/d.tif"),
    }
    assert len(found.strange) == 6
    assert all("leads back into itself" in text for text in found.strange)
    assert "1 more of that kind" in found.passed_over()
    assert found.others["without suffix"] == 2, "a link to itself is no folder"


def test_special_and_hidden_files_are_counted_and_broken_links_kept(tree):
    os.mkfifo(tree / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree / "socket"))
    (tree / "zero.png").symlink_to("/dev/zero")
    (tree / "._a.jpg").write_bytes(b"")
    (tree / ".cache").mkdir()
    (tree / ".cache" / "h.png").write_bytes(b"")
    (tree / "gone.png").symlink_to(tree / "nowhere.png")
    found = walk(tree)
    assert "gone.png" in names(found)
    assert found.hidden == 2
    assert found.strange == [
        f"{tree}/pipe.png (a FIFO (named pipe))",
        f"{tree}/socket (a socket)",
        f"{tree}/zero.png (a character device)",
    ]
    assert kind_of_special(tree / "b.png") is None
    assert kind_of_special(tree / "none") is None


def test_a_folder_that_cannot_be_listed_is_told(tree, monkeypatch):
    closed, scandir = tree / "deep er", os.scandir

    def refusing(folder):
        if str(folder) == str(closed):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    found = walk(tree)
    assert found.faults == [(closed, "cannot be listed: Permission denied")]
    with pytest.raises(OSError, match="deep er cannot be listed"):
        list_images(closed)


def test_one_folder_alone(tree, caplog):
    with caplog.at_level(logging.WARNING):
        assert [path.name for path in list_images(tree)] == ["a.JPG", "b.png"]
    assert "2 files of other kinds (1 without suffix, 1 .gif), 2 folders" in caplog.text
    (tree / "z" / "c.webp").unlink()
    with pytest.raises(ValueError, match=r"z holds no image \(.*\)$"):
        list_images(tree / "z")
    (tree / "z" / "c.avif").write_bytes(b"")
    with pytest.raises(ValueError, match=r"holds no image .*; passed over in .*: 1 file .*\.avif"):
        list_images(tree / "z")
