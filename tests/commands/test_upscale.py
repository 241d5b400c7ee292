"""``ignn upscale`` end to end: what is written, what is refused, what is said, what is returned."""

import io
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from ignn_toolbox.images import write_image
from ignn_toolbox.restore import SRInferencer


def picture(seed=0, size=(24, 30, 3), dtype=np.uint8):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size).astype(dtype)


def save(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture()).save(path, **options)
    return path


@pytest.fixture
def upscale(cli, tiny_checkpoint):
    def run(*words):
        return cli("upscale", *words, "--model", tiny_checkpoint, "--device", "cpu")

    return run


def no_leftovers(folder):
    return not [path for path in folder.rglob(".*") if path.is_file()]


def test_folder_is_restored_with_the_numbers_of_the_python_interface(
    upscale, tmp_path, tiny_checkpoint
):
    for name in ("a.png", "deep er/ä.webp", "b.tif"):
        save(tmp_path / "in" / name, **({"lossless": True} if name.endswith("webp") else {}))
    status, _, err = upscale(tmp_path / "in", "-o", tmp_path / "out")
    assert status == 0, err
    assert "3 pictures: 3 restored" in err
    (wanted,) = SRInferencer(tiny_checkpoint, device="cpu")(picture())
    for name in ("a.png", "deep er/ä.webp", "b.tif"):
        written = Image.open(tmp_path / "out" / name)
        np.testing.assert_array_equal(np.asarray(written), wanted)


def test_config_and_checkpoint_are_taken_too(cli, tmp_path, tiny_checkpoint):
    source = save(tmp_path / "a.png")
    config = tmp_path / "my_config.py"
    config.write_text(
        "_graph = dict(type='GraphAgg', channels=8, scale=2, embedder=dict(type='RGBEmbedder'))\n"
        "model = dict(type='Restorer', network=dict(\n"
        "    type='EDSR', scale=2, channels=8, num_blocks=2, aggregator=_graph))\n"
    )
    words = ("--model", config, "--checkpoint", tiny_checkpoint, "--device", "cpu")
    status, _, err = cli("upscale", source, "-o", tmp_path / "b.png", *words)
    assert status == 0, err
    (wanted,) = SRInferencer(tiny_checkpoint, device="cpu")(picture())
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), wanted)


@pytest.mark.parametrize("factor", [8.01, 20, 0.5])
def test_a_factor_that_few_mean_is_said_on_purpose(upscale, tmp_path, factor):
    source = save(tmp_path / "a.png")
    status, _, err = upscale(source, "-o", tmp_path / "b.png", "--factor", factor)
    assert status == 1
    assert err == (
        f"ignn upscale: error: --factor {factor:g} is outside 1 to 8; add --any-factor if meant\n"
    )
    status, _, err = upscale(source, "-o", tmp_path / "b.png", "--factor", factor, "--any-factor")
    assert status == 0, err
    assert Image.open(tmp_path / "b.png").width == round(30 * factor)


def test_which_network_and_why(cli, tmp_path):
    source = save(tmp_path / "a.png")

    def said(*words):
        words = (source, "-o", tmp_path / "b.png", "--overwrite", "--device", "cpu", *words)
        status, _, err = cli("upscale", *words)
        assert status == 0, err
        return err.splitlines()

    plain, summary = said()
    assert plain == "ignn upscale: edsr_tiny_x2 restores, on cpu"
    assert summary == "1 picture: 1 restored"
    assert said("--factor", 2.6)[0] == (
        "ignn upscale: edsr_tiny_x3 restores, on cpu: x3 is the nearest to the wanted size of x2, "
        "x3, x4; from x3 to the wanted size it is the exact bicubic"
    )
    assert said("--width", 63)[0].startswith("ignn upscale: edsr_tiny_x2 restores, on cpu; from x2")


def test_quiet_says_nothing_but_what_went_wrong(upscale, tmp_path):
    source = save(tmp_path / "a.png")
    status, out, err = upscale(source, "-o", tmp_path / "b.png", "--quiet")
    assert (status, out, err) == (0, "", "")
    status, out, err = upscale(source, "-o", tmp_path / "b.png", "--quiet")
    assert (status, out) == (1, "")
    assert err.startswith("1 picture: 0 restored, 1 failed\n  failed: ")


@pytest.mark.parametrize("journal", [(), ("--journal",)])
def test_json_is_one_object_a_picture(upscale, tmp_path, tiny_checkpoint, journal):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b\n.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "in" / "c.png").write_bytes(b"no picture")
    words = (tmp_path / "in", "-o", tmp_path / "out", "--json", *journal)
    status, out, err = upscale(*words, "--verbose")
    assert status == 1
    first, second, third = map(json.loads, out.splitlines())
    assert first.pop("seconds") > 0
    assert first == {
        "input": str(tmp_path / "in" / "a.png"),
        "output": str(tmp_path / "out" / "a.png"),
        "status": "done",
        "model": str(tiny_checkpoint),
        "width": 60,
        "height": 48,
    }
    assert second["input"] == str(tmp_path / "in" / "b\n.png")
    assert third["status"] == "failed"
    assert "is not a picture" in third["message"]
    assert "a.png: 60x48 by" in err
    assert "c.png: failed" in err
    if not journal:
        status, out, _ = upscale(*words, "--skip-existing")
        assert [json.loads(line)["status"] for line in out.splitlines()] == 2 * ["skipped"] + [
            "failed"
        ]
        status, _, err = upscale(save(tmp_path / "a.png"), "-o", "-", "--json")
        assert "both write to standard output" in err


def test_floating_point_files_keep_their_range_and_say_what_it_is(
    upscale, tmp_path, tiny_checkpoint
):
    """Through the network without a rounding to integers, in the file's own values."""
    pixels = np.random.default_rng(0).random((24, 30, 3)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", pixels * 4000 - 100, photometric="rgb")
    status, _, err = upscale(tmp_path / "a.tif", "-o", tmp_path / "b.tif")
    assert status == 1
    assert "but 0 is black and 1 is white; say what is (value_range" in err
    words = (tmp_path / "a.tif", "-o", tmp_path / "b.tif", "--range", -100, 3900)
    status, _, err = upscale(*words)
    assert status == 0, err
    (wanted,) = SRInferencer(tiny_checkpoint, device="cpu")(pixels)
    written = tifffile.imread(tmp_path / "b.tif")
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, wanted * 4000 - 100, atol=0.01)
    status, _, err = upscale(*words[:2], tmp_path / "b.png", *words[3:])
    assert status == 1
    assert "a.tif holds floating point, which png cannot; choose tiff" in err


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_bands_go_through_one_by_one_with_all_their_bits(upscale, tmp_path, tiny_checkpoint, dtype):
    bands = np.random.default_rng(0).random((24, 30, 6))
    bands = (bands * 65535).astype(dtype) if dtype == np.uint16 else bands.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="contig")
    status, _, err = upscale(tmp_path / "a.tif", "-o", tmp_path / "b.tif")
    assert status == 0, err
    assert "6 bands are restored one by one" in err
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert 270 not in file.pages[0].tags, "tifffile's record of the shape before"
        written = file.asarray()
    assert written.shape == (48, 60, 6)
    assert written.dtype == dtype
    each = SRInferencer(tiny_checkpoint, device="cpu")(list(np.moveaxis(bands, 2, 0)))
    for band, wanted in zip(np.moveaxis(written, 2, 0), each, strict=True):
        np.testing.assert_array_equal(band, wanted)
    status, _, err = upscale(tmp_path / "a.tif", "-o", tmp_path / "b.png")
    said = "has 6 bands, which png cannot hold" if dtype == np.uint16 else "holds floating point"
    assert said in err


def test_the_spread_lies_beside_the_output(upscale, tmp_path):
    source = save(tmp_path / "a.png")
    words = (source, "-o", tmp_path / "out" / "b.png", "--uncertainty")
    status, _, err = upscale(*words)
    assert status == 0, err
    spread = tifffile.imread(tmp_path / "out" / "b_spread.tif")
    assert spread.shape == (48, 60)
    assert spread.dtype == np.float32
    assert spread.max() > 0
    assert upscale(*words, "--overwrite")[0] == 0
    assert "name one with -o" in upscale(source, "-o", "-", "--uncertainty")[2]


def test_bad_files_are_named_and_the_rest_is_done(upscale, tmp_path):
    folder = tmp_path / "in"
    good = save(folder / "good.png")
    save(folder / "z last.png")
    (folder / "empty.png").write_bytes(b"")
    (folder / "half.png").write_bytes(good.read_bytes()[:-400])
    (folder / "text.jpg").write_text("hello")
    Image.new("CMYK", (20, 20)).save(folder / "print.jpg")
    Image.fromarray(picture(size=(9, 30, 3))).save(folder / "small.bmp")
    (folder / "folder.png").mkdir()
    status, _, err = upscale(folder, tmp_path / "none.png", "-o", tmp_path / "out")
    assert status == 1
    assert "8 pictures: 3 restored, 5 failed" in err
    for name, reason in (
        ("empty.png", "is empty"),
        ("half.png", "truncated"),
        ("text.jpg", "not a picture"),
        ("small.bmp", "at least 12x12"),
        ("none.png", "does not exist"),
    ):
        assert any(name in line and reason in line for line in err.splitlines()), (name, err)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["good.png", "print.jpg", "z last.png"]


def test_existing_files_are_kept_unless_asked(upscale, tmp_path):
    source, out = save(tmp_path / "a.png"), tmp_path / "out"
    assert upscale(source, "-o", out)[0] == 0
    before = (out / "a.png").read_bytes()
    (out / "a.png").write_bytes(b"mine")
    status, _, err = upscale(source, "-o", out)
    assert status == 1
    assert "--overwrite or --skip-existing" in err
    status, _, err = upscale(source, "-o", out, "--skip-existing")
    assert status == 0
    assert "1 skipped" in err
    assert (out / "a.png").read_bytes() == b"mine"
    assert upscale(source, "-o", out, "--overwrite")[0] == 0
    assert (out / "a.png").read_bytes() == before


def test_output_equal_to_input_is_refused_even_with_overwrite(upscale, tmp_path):
    source = save(tmp_path / "a.png")
    before = source.read_bytes()
    for output in (source, tmp_path):
        status, _, err = upscale(source, "-o", output, "--overwrite")
        assert status == 1
        assert "is the input" in err
    assert source.read_bytes() == before


def test_format_quality_suffix_and_size(upscale, tmp_path):
    source, out = save(tmp_path / "a.png"), tmp_path / "out"
    words = ("--format", "jpg", "--quality", 40, "--suffix", "_x3", "--factor", 3)
    assert upscale(source, "-o", out, *words)[0] == 0
    written = Image.open(out / "a_x3.jpg")
    assert (written.format, written.size) == ("JPEG", (90, 72))
    status, _, err = upscale(source, "-o", out, "--quality", 400)
    assert status == 1
    assert "quality=400 is outside 1..100" in err


def test_16_bit_grey_with_alpha_and_profile_keep_their_kind(upscale, tmp_path):
    deep = Image.fromarray(picture(size=(24, 30), dtype=np.uint16) * 257)
    deep.save(tmp_path / "grey16.png")
    profile = b"a profile"
    Image.fromarray(picture(size=(24, 30, 2)), "LA").save(tmp_path / "la.png", icc_profile=profile)
    assert upscale(tmp_path / "grey16.png", tmp_path / "la.png", "-o", tmp_path / "out")[0] == 0
    assert Image.open(tmp_path / "out" / "grey16.png").mode == "I;16"
    written = Image.open(tmp_path / "out" / "la.png")
    assert written.mode == "LA"
    assert written.info["icc_profile"] == profile


def test_transparency_is_not_lost_to_jpg(upscale, tmp_path):
    Image.fromarray(picture(size=(24, 30, 4))).save(tmp_path / "a.png")
    status, _, err = upscale(tmp_path / "a.png", "-o", tmp_path / "out", "--format", "jpg")
    assert status == 1
    assert "transparency, which jpg cannot hold" in err


def test_bomb_is_refused_and_may_be_let_in(upscale, tmp_path):
    Image.new("1", (30_000, 10_000)).save(tmp_path / "bomb.png")
    status, _, err = upscale(tmp_path / "bomb.png", "-o", tmp_path / "out")
    assert status == 1
    assert "--max-pixels" in err
    source = save(tmp_path / "a.png")
    assert upscale(source, "-o", tmp_path / "out", "--max-pixels", 100)[0] == 1
    assert upscale(source, "-o", tmp_path / "out", "--max-pixels", 720)[0] == 0


def test_senselessly_large_output_is_refused(upscale, tmp_path):
    source = save(tmp_path / "a.png")
    status, _, err = upscale(source, "-o", tmp_path / "out", "--factor", 5000, "--any-factor")
    assert status == 1
    assert "would become 150000x120000" in err


def test_unwritable_output_folder_is_one_clear_line(upscale, tmp_path):
    source = save(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    status, _, err = upscale(source, "-o", tmp_path / "file")
    assert status == 1
    assert f"error: the output folder {tmp_path / 'file'} cannot be written" in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "in the way"


def test_stdin_to_stdout(tiny_checkpoint, tmp_path):
    source = save(tmp_path / "a.png")
    command = [sys.executable, "-m", "ignn_toolbox", "upscale", "-", "-o", "-", "--device", "cpu"]
    command += ["--model", str(tiny_checkpoint), "--format", "webp"]
    done = subprocess.run(command, input=source.read_bytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
    (wanted,) = SRInferencer(tiny_checkpoint, device="cpu")(picture())
    written = Image.open(io.BytesIO(done.stdout))
    assert written.format == "WEBP"
    np.testing.assert_array_equal(np.asarray(written), wanted)


@pytest.mark.parametrize(
    ("closed", "words", "status", "said"),
    [
        ("<&-", "- -o b.png", 1, "standard input is closed; name a file"),
        pytest.param(
            ">&-",
            "a.png -o - --format png",
            1,
            "standard output is closed; name a file with -o",
            marks=pytest.mark.slow,
        ),
        pytest.param("<&- >&-", "a.png -o b.png", 0, "1 restored", marks=pytest.mark.slow),
        pytest.param("2>&-", "a.png -o -", 0, "", marks=pytest.mark.slow),
        ("<&- >&- 2>&-", "a.png -o b.png", 0, ""),
    ],
)
def test_closed_standard_streams(tiny_checkpoint, tmp_path, closed, words, status, said):
    save(tmp_path / "a.png")
    command = f"{sys.executable} -m ignn_toolbox upscale {words} --model {tiny_checkpoint}"
    done = subprocess.run(
        ["sh", "-c", f"exec {command} --device cpu {closed}"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == status
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    if "-o -" in words and status == 0:
        assert Image.open(io.BytesIO(done.stdout)).size == (60, 48)
        assert done.stdout.endswith(b"IEND\xaeB`\x82"), "nothing but the picture"


def test_full_disk_leaves_nothing_half_written(tiny_checkpoint, tmp_path):
    source = tmp_path / "in"
    save(source / "a_small.png")
    Image.fromarray(picture(size=(64, 64, 3))).save(source / "b_large.png")
    save(source / "c_small.png")

    def limit_file_size():
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    command = [sys.executable, "-m", "ignn_toolbox", "upscale", str(source), "--device", "cpu"]
    command += ["-o", str(tmp_path / "out"), "--model", str(tiny_checkpoint)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=limit_file_size, env=environment
    )
    assert done.returncode == 1
    assert "3 pictures: 2 restored, 1 failed" in done.stderr
    assert "b_large.png: [Errno 27]" in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a_small.png", "c_small.png"]


def test_ctrl_c_leaves_whole_files_and_says_so(tiny_checkpoint, tmp_path):
    import signal
    import time

    for index in range(200):
        Image.fromarray(picture(size=(64, 64, 3))).save(tmp_path / f"{index:03}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ignn_toolbox", "upscale", str(tmp_path), "-o", str(out)]
    command += ["--model", str(tiny_checkpoint), "--device", "cpu"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # a job in the background is born deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not out.exists() or not any(out.glob("*.png")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped" in err
    assert no_leftovers(out)
    written = list(out.iterdir())
    assert 1 <= len(written) < 200
    for path in written:
        Image.open(path).load()


def test_what_a_format_cannot_hold_is_said_or_refused(upscale, tmp_path):
    pixels = picture(size=(20, 24, 4))
    pixels[:, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    pixels[:, :12, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    deep = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24) * 136
    Image.fromarray(deep).save(tmp_path / "deep.png")
    out = tmp_path / "out"
    names = [tmp_path / f"{name}.png" for name in ("opaque", "clear", "deep")]
    status, _, err = upscale(*names, "-o", out, "--format", "jpg")
    assert status == 1
    assert "clear.png has transparency, which jpg cannot hold" in err
    assert "--background" in err
    assert "deep.png: 16 bits a channel became 8, which is what jpg holds" in err
    assert sorted(path.name for path in out.iterdir()) == ["deep.jpg", "opaque.jpg"]
    status, _, err = upscale(names[1], "-o", out, "--format", "jpg", "--background", "#ff0000")
    assert status == 0, err
    pixels[:, :12, :3] = (255, 0, 0)
    Image.fromarray(pixels[:, :, :3]).save(tmp_path / "laid.png")
    assert upscale(tmp_path / "laid.png", "-o", out, "--format", "jpg")[0] == 0
    assert (out / "clear.jpg").read_bytes() == (out / "laid.jpg").read_bytes()
    with pytest.raises(SystemExit):
        upscale(names[1], "-o", out, "--background", "nocolour")


def test_a_journal_says_what_was_left_behind(upscale, tmp_path):
    Image.fromarray(picture(), "RGB").convert("CMYK").save(tmp_path / "ink.tif")
    status, _, err = upscale(tmp_path / "ink.tif", "-o", tmp_path / "out", "--journal")
    assert status == 0, err
    assert "ink.tif: CMYK without a usable colour profile was converted by the plain rule" in err


def test_tuning_is_told_for_every_picture(cli, tmp_path, tiny_checkpoint):
    picture = tmp_path / "stripes.png"
    x = np.arange(96) + np.arange(88)[:, None]
    write_image(picture, np.uint8(120 + 100 * np.sign(np.sin(x / 4)))[..., None].repeat(3, 2))
    words = ["upscale", picture, "-o", tmp_path / "out", "--model", tiny_checkpoint]
    status, _, err = cli(*words, "--adapt", "2")
    assert status == 0
    assert "tuned" in err
    status, _, err = cli(*words, "--adapt", "slow", "--overwrite")
    assert status == 1
    assert "'fast', 'best' or a number" in err
