"""The report's files and figures, and the page in a browser."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.evaluation import Results, evaluate, write_results
from ignn_toolbox.images import read_image, write_image
from ignn_toolbox.visualization.report import write_figure, write_report
from ignn_toolbox.visualization.report.page import winners
from ignn_toolbox.visualization.report.sources import (
    BICUBIC,
    TRUTH,
    bicubic_picture,
    find_files,
    load_pictures,
)

from .browser import Browser


def content(report: Path) -> dict:
    text = (report / "data.js").read_text()
    return json.loads(text.removeprefix("window.REPORT = ").strip().removesuffix(";"))


def test_report_holds_every_figure_and_picture(scored, tmp_path) -> None:
    assert write_report(scored, tmp_path / "report") == []
    data = content(tmp_path / "report")
    assert [image["image"] for image in data["images"]] == ["a", "b #<b>%", "c"]
    for results in scored:
        for record, image in zip(results.records, data["images"], strict=True):
            expected = {"psnr": record["psnr"], "ssim": record["ssim"]}
            assert image["scores"][results.model] == expected
    for image in data["images"]:
        names = [view["name"] for view in image["views"]]
        assert names == ["LR (bicubic)", "weak", "good", "ground truth"]
        for view in image["views"][1:]:
            folder = tmp_path / {"ground truth": "Set3"}.get(view["name"], view["name"])
            source = read_image(folder / f"{image['image']}.png")
            assert (read_image(tmp_path / "report" / view["file"]) == source).all()
        x, y, width, height = image["box"]
        assert 0 <= x <= 120 - width
        assert 0 <= y <= 96 - height


def test_what_became_of_tuning_is_told_for_every_picture(scored, tmp_path) -> None:
    for record, gain in zip(scored[1].records, (0.5, 0.1, None), strict=True):
        record |= {"tuned": int(gain == 0.5), "predicted_gain": gain}
    write_report(scored, tmp_path / "report")
    images = content(tmp_path / "report")["images"]
    told = [image["scores"]["good"] for image in images]
    assert [(scores["tuned"], scores["predicted_gain"]) for scores in told] == [
        (1, 0.5),
        (0, 0.1),
        (0, None),
    ]
    assert all("tuned" not in image["scores"]["weak"] for image in images)


def test_the_input_that_a_test_kept_is_shown(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for folder in ("Set1", "inputs", "made"):
        write_image(tmp_path / folder / "a.png", rng.integers(0, 256, (20, 30, 3), np.uint8))
    images = evaluate(tmp_path / "made", tmp_path / "Set1", 1, "rgb-full").images
    folders = {"gt_dirs": "Set1", "lq_dirs": "inputs", "sr_dirs": "made"}
    info = {key: {"Set1": str(tmp_path / folder)} for key, folder in folders.items()}
    (files,), notes = find_files([Results("mine", 1, images, info)])
    pictures = load_pictures(files, 1)
    assert notes == []
    for name, folder in ((BICUBIC, "inputs"), ("mine", "made"), (TRUTH, "Set1")):
        assert (pictures[name] == read_image(tmp_path / folder / "a.png")).all()


def test_a_method_that_is_bicubic_is_shown_once(scored, tmp_path) -> None:
    """Its pictures are those that the report would make."""
    for name in ("a", "b #<b>%", "c"):
        truth = read_image(tmp_path / "Set3" / f"{name}.png")
        write_image(tmp_path / "weak" / f"{name}.png", bicubic_picture(truth, 2))
    write_report(scored, tmp_path / "report")
    for image in content(tmp_path / "report")["images"]:
        assert [view["name"] for view in image["views"]] == ["weak", "good", "ground truth"]


def test_no_winner_is_marked_within_the_interval(scored) -> None:
    """A winner beats each other method; one that is better at some images only is none."""
    weak, good = scored
    assert winners(scored, "y-float") == {("Set3", "psnr"): "good", ("Set3", "ssim"): "good"}
    moved = [{**record} for record in good.records]
    moved[0]["psnr"] += 0.01
    moved[1]["psnr"] -= 0.01
    near = Results("near", 2, moved, good.info)
    assert winners([weak, good, near], "y-float") == {}
    assert winners([good, Results("other", 2, moved[:2], {})], "y-float") == {}


def test_box_marks_where_methods_differ_most(scored, tmp_path) -> None:
    big = np.full((240, 320, 3), 100, np.uint8)
    for folder in ("Set3", "weak", "good"):
        write_image(tmp_path / folder / "c.png", big)
    changed = big.copy()
    changed[150:170, 200:220] = 180
    write_image(tmp_path / "good" / "c.png", changed)
    write_report(scored, tmp_path / "report")
    x, y, width, height = content(tmp_path / "report")["images"][2]["box"]
    assert x <= 200 < 220 <= x + width
    assert y <= 150 < 170 <= y + height


@pytest.mark.parametrize("name", ["{tmp}/elsewhere", "../../elsewhere", "a/../../../../elsewhere"])
def test_a_data_set_of_any_name_stays_in_the_reports_folder(scored, tmp_path, name) -> None:
    name = name.format(tmp=tmp_path)
    for results in scored:
        for record in results.records:
            record["dataset"] = name
        for folders in results.info.values():
            if isinstance(folders, dict):
                folders[name] = next(iter(folders.values()))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert write_report(scored, tmp_path / "out" / "report") == []
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert new
    assert all(path.is_relative_to(tmp_path / "out" / "report") for path in new)
    assert {image["dataset"] for image in content(tmp_path / "out" / "report")["images"]} == {name}


def test_page_asks_for_nothing_from_outside(scored, tmp_path) -> None:
    write_report(scored, tmp_path / "report")
    for name in ("index.html", "report.css", "report.js", "data.js"):
        text = (tmp_path / "report" / name).read_text()
        assert not re.search(r"https?:|//[a-z]+\.|@import|\bfetch\(", text), name


def test_existing_folders_are_safe(scored, tmp_path) -> None:
    report = tmp_path / "report"
    write_report(scored, report)
    with pytest.raises(FileExistsError, match="--overwrite"):
        write_report(scored, report)
    write_report(scored[:1], report, overwrite=True)
    assert content(report)["methods"] == ["weak"]
    with pytest.raises(FileExistsError, match="choose another"):
        write_report(scored, tmp_path / "Set3", overwrite=True)
    assert len(list((tmp_path / "Set3").iterdir())) == 3


def test_a_failure_leaves_nothing(scored, tmp_path) -> None:
    path = tmp_path / "good" / "c.png"
    path.write_bytes(path.read_bytes()[:-50])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"c\.png cannot be read"):
        write_report(scored, tmp_path / "report")
    assert sorted(tmp_path.iterdir()) == before


def test_figures_without_pictures_are_said(scored, tmp_path) -> None:
    del scored[1].info["sr_dirs"]
    notes = write_report(scored, tmp_path / "report")
    assert "good has figures but no pictures of Set3" in notes[0]
    image = content(tmp_path / "report")["images"][0]
    assert [view["name"] for view in image["views"]] == ["LR (bicubic)", "weak", "ground truth"]
    assert "good" in image["scores"]
    for results in scored:
        results.info.clear()
    assert "no ground truth of Set3" in write_report(scored, tmp_path / "report2")[0]
    data_root = write_report(scored, tmp_path / "report3", data_root=tmp_path)
    assert "no pictures" in data_root[0]


def test_results_that_cannot_stand_side_by_side(scored, tmp_path) -> None:
    other = Results("x4", 4, scored[0].records)
    twin = Results("weak", 2, scored[0].records)
    for results, message in [
        ([scored[0], other], r"got \[2, 4\]"),
        ([scored[0], twin], "'weak' twice"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_report(results, tmp_path / "report")
    with pytest.raises(ValueError, match="not rgb"):
        write_report(scored, tmp_path / "report", protocol="rgb")


def test_figure_is_written_as_png_and_pdf(scored, tmp_path) -> None:
    paths = write_figure(scored, "Set3/a", (16, 8, 32, 24), tmp_path / "figures" / "a.png")
    assert [path.name for path in paths] == ["a.png", "a.pdf"]
    assert paths[1].read_bytes().startswith(b"%PDF-")
    drawn = np.asarray(Image.open(paths[0]).convert("RGB"))
    assert drawn.shape[1] > 1800  # 7 inches at 300 dots
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3)[::7]}
    truth = read_image(tmp_path / "Set3" / "a.png")[8:32, 16:48]
    crop = {tuple(colour) for colour in truth.reshape(-1, 3)}
    assert len(crop & colours) > 0.9 * len(crop)


@pytest.mark.parametrize(
    ("message", "image", "box"),
    [
        ("no image 'z'", "z", (0, 0, 8, 8)),
        (r"leaves a of 120x96", "a", (100, 0, 32, 8)),
        ("positive sides", "a", (0, 0, 0, 8)),
    ],
)
def test_figure_errors(scored, tmp_path, message: str, image: str, box: tuple) -> None:
    with pytest.raises(ValueError, match=message):
        write_figure(scored, image, box, tmp_path / "f")


def test_commands(cli, scored, tmp_path) -> None:
    for results in scored:
        write_results(tmp_path / "scores" / results.model, results)
    words = "report", tmp_path / "scores" / "weak", tmp_path / "scores" / "good", "-o"
    status, text, _ = cli(*words, tmp_path / "page")
    assert status == 0
    assert "index.html" in text
    status, text, _ = cli(*words, tmp_path / "fig", "--figure", "c", "--box", "0,0,16,16")
    assert status == 0
    assert (tmp_path / "fig.pdf").is_file()
    status, _, error = cli(*words, tmp_path / "fig", "--figure", "c")
    assert status == 1
    assert "go together" in error


@pytest.fixture
def page(scored, tmp_path):
    """The report of ``scored`` in a browser."""
    write_report(scored, tmp_path / "report")
    browser = Browser((tmp_path / "report" / "index.html").as_uri(), tmp_path / "profile")
    yield browser
    browser.close()


def test_page_in_a_browser(page) -> None:
    names = (
        "[...document.querySelectorAll('#images tbody tr')].map((row) => row.cells[1].innerText)"
    )
    assert page.run(names) == ["a", "b #<b>%", "c"]
    assert page.run("document.querySelectorAll('#images b').length") == 0
    assert page.run(
        "[...document.querySelectorAll('#images img')].every((i) => i.loading == 'lazy')"
    )
    assert page.run("document.querySelector('#means td.best').innerText").startswith("3")

    # Sorting by a heading, best first, then worst first, with the keyboard.
    heads = "[...document.querySelectorAll('#images th button')]"
    good = f"{heads}.find((head) => head.innerText.startsWith('good PSNR'))"
    rows = "[...document.querySelectorAll('#images tbody tr')]"
    values = f"{rows}.map((row) => Number(row.cells[5].innerText))"
    page.run(f"{good}.click()")
    down = page.run(values)
    assert down == sorted(down, reverse=True)
    page.run(f"{good}.focus()")
    page.press("Enter")
    assert page.run(values) == down[::-1]
    assert page.run(f"{good}.parentElement.getAttribute('aria-sort')") == "ascending"

    # The viewer: slider, keys, all methods with one zoom, error maps, next image, close.
    page.run("document.querySelector('#images tbody button').focus()")
    page.press("Enter")
    assert page.run("document.getElementById('viewer').open")
    assert page.run("document.getElementById('viewer-title').innerText") == "Set3 / b #<b>%"
    shown = "[...document.querySelectorAll('#stage img')]"
    loaded = f"{shown}.every((i) => i.complete && i.naturalWidth == 120)"
    page.wait(lambda: page.run(loaded))
    clip = "document.querySelector('.after').style.clipPath"
    before = page.run(clip)
    page.press(".")
    assert page.run(clip) != before
    page.run("slider.value = 250; slider.dispatchEvent(new Event('input'))")
    assert "25%" in page.run(clip)
    transforms = f"{shown}.map((i) => i.style.transform)"
    whole = page.run(transforms)
    page.press("b")
    assert page.run(transforms) != whole
    page.press("g")
    page.wait(lambda: page.run("document.querySelectorAll('#stage .pane').length") == 4)
    assert page.run("document.getElementById('slider').offsetParent") is None  # not shown
    page.press("+")
    page.press("ArrowLeft")
    moved = page.run(transforms)
    assert len(moved) == 4
    assert len(set(moved)) == 1
    assert moved[0] != whole[0]
    page.send("Input.dispatchMouseEvent", type="mouseWheel", x=300, y=400, deltaX=0, deltaY=-200)
    page.wait(lambda: page.run(transforms) != moved)
    page.press("e")
    assert page.run("document.querySelector('#stage img').src").endswith("_error.webp")
    page.wait(lambda: page.run(loaded))
    page.press("n")
    assert page.run("document.getElementById('viewer-title').innerText") != "Set3 / b #<b>%"
    page.press("p")
    assert page.run("document.getElementById('viewer-title').innerText") == "Set3 / b #<b>%"
    page.run("document.getElementById('close').click()")
    assert not page.run("document.getElementById('viewer').open")
    assert page.problems == []


def test_three_methods_of_long_names_fit_a_screen(scored, tmp_path) -> None:
    """The window is 1200 pixels wide; nothing is to be scrolled to."""
    names = ("edsr-tiny_x2c32b8_1xb16-7k_bsds-t91", "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91")
    named = [replace(item, model=name) for item, name in zip(scored, names, strict=True)]
    write_report([*named, replace(scored[0], model="bicubic")], tmp_path / "report")
    browser = Browser((tmp_path / "report" / "index.html").as_uri(), tmp_path / "profile")
    try:
        assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
        gain = "[...document.querySelectorAll('#images th')].at(-1)"
        assert browser.run(f"{gain}.innerText") == f"gain of bicubic over {names[0]} (dB)"
        assert browser.run(f"{gain}.getBoundingClientRect().right <= window.innerWidth")
    finally:
        browser.close()


def test_a_hundred_images_stay_smooth(tmp_path) -> None:
    """Pictures load when they are near the screen; scrolling and opening one take no pause."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    for number in range(100):
        write_image(tmp_path / "Set100" / f"{number:03}.png", np.roll(truth, number, 1))
        write_image(tmp_path / "sr" / f"{number:03}.png", np.roll(truth, number, 1) // 2)
    images = evaluate(tmp_path / "sr", tmp_path / "Set100", 2).images
    info = {
        "gt_dirs": {"Set100": str(tmp_path / "Set100")},
        "sr_dirs": {"Set100": str(tmp_path / "sr")},
    }
    assert write_report([Results("half", 2, images, info)], tmp_path / "report") == []
    browser = Browser((tmp_path / "report" / "index.html").as_uri(), tmp_path / "profile")
    try:
        assert browser.run("document.querySelectorAll('#images img').length") == 100
        loaded = "[...document.querySelectorAll('#images img')].filter((i) => i.naturalWidth)"
        browser.wait(lambda: browser.run(f"{loaded}.length") > 3)
        assert browser.run(f"{loaded}.length") < 70
        browser.run(
            "window.frames_ = []; const step = (t) => { frames_.push(t); scrollBy(0, 60);"
            "if (frames_.length < 60) requestAnimationFrame(step); }; requestAnimationFrame(step)"
        )
        browser.wait(lambda: browser.run("frames_.length") == 60)
        gaps = np.diff(browser.run("frames_"))
        assert np.median(gaps) < 50  # milliseconds; 17 at 60 frames a second
        browser.run(
            "document.querySelectorAll('#images tbody tr')[99].querySelector('button').click()"
        )
        complete = "[...document.querySelectorAll('#stage img')].every((i) => i.complete)"
        browser.wait(lambda: browser.run(complete), 5)
        assert browser.problems == []
    finally:
        browser.close()
