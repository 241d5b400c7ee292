"""``ignn table`` as a user meets it."""

from ignn_toolbox.evaluation import Results, write_results


def record(dataset: str, image: str) -> dict:
    return {
        "dataset": dataset,
        "image": image,
        "height": 8,
        "width": 8,
        "protocol": "y-float",
        "psnr": 33.5,
        "ssim": 0.91,
        "seconds": 0.1,
    }


def test_quoted_and_measured(cli, tmp_path) -> None:
    records = [record("Set5", name) for name in "abcde"]
    write_results(tmp_path / "mine", Results("mine", 3, records))
    status, text, _ = cli("table", tmp_path / "mine")
    assert status == 0
    assert "| IGNN | x3 | 34.72/0.9298 |" in text
    assert "| **mine** | **x3** | **33.50/0.9100** |" in text
    assert "| x2 |" not in text
    assert "| **edsr_tiny_x3 (" in text
    assert " parameters)** | **x3** | **" in text
    status, text, _ = cli(
        "table", "--paper", "ignn/6", "--format", "latex", "-o", tmp_path / "t.tex"
    )
    assert (status, text) == (0, "")
    assert "w/o AdaPN" in (tmp_path / "t.tex").read_text()


def test_errors(cli, tmp_path) -> None:
    write_results(tmp_path / "mine", Results("mine", 3, [record("Set5", "a")]))
    for words, message in [
        (("--paper", "ignn/9"), "no table `ignn/9`; did you mean `ignn/"),
        ((tmp_path / "mine", "--scale", 2), "mine is x3"),
        ((tmp_path / "none",), "ignn test"),
    ]:
        status, _, error = cli("table", *words)
        assert status == 1
        assert message in error
