"""The page as served: in a headless browser, through its programming interface, and its end."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.apis import SRInferencer

from ..visualization.browser import Browser, find_browser

pytestmark = pytest.mark.extras
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def served(extra, tiny_checkpoint, tmp_path_factory):
    """Address of a page with small limits, and the folder that holds its files."""
    extra("gradio")
    folder = tmp_path_factory.mktemp("served")
    process, address = _start(folder, tiny_checkpoint)
    yield address, folder
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert list(folder.glob("ignn_serve_*")) == []  # uploads and results are gone


def _start(
    folder: Path, model: Path, *words: str, limits: bool = True, stderr: IO[str] | None = None
) -> tuple[subprocess.Popen, str]:
    command = [sys.executable, "-m", "ignn_toolbox", "serve", "--model", str(model), "edsr_tiny_x2"]
    command += ["--max-upload-mb", "0.2", "--max-megapixels", "0.02"] if limits else []
    process = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    return process, found[0]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    coarse = Image.fromarray(RNG.integers(0, 256, (12, 16, 3), np.uint8))
    coarse.resize((120, 90), Image.Resampling.BICUBIC).save(path)
    return path


class Page(Browser):
    """A page of ours with the moves that a reader makes."""

    def give(self, *paths: Path) -> None:
        script = "document.querySelector('#upload input[type=file]')"
        self.wait(lambda: self.run(f"!!{script}"), 60)
        found = self.send("Runtime.evaluate", expression=script)["result"]["objectId"]
        self.send("DOM.setFileInputFiles", files=[str(path) for path in paths], objectId=found)

    def count(self, selector: str) -> int:
        return self.run(f"document.querySelectorAll({selector!r}).length")

    def text(self, selector: str) -> str:
        return self.run(f"document.querySelector({selector!r})?.innerText ?? ''")

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        script = f"document.querySelector({selector!r})"
        self.run(f"{script}.scrollIntoView({{block: 'center'}})")
        sides = "({x, y, width, height}) => [x, y, width, height]"
        x, y, width, height = self.run(f"({sides})({script}.getBoundingClientRect())")
        place = {"x": x + across * width, "y": y + down * height, "button": "left"}
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, clickCount=1, **place)

    def fetched(self, script: str) -> bytes:
        """Bytes of what an address on the page gives the browser."""
        read = (
            f"fetch({script}).then((r) => r.arrayBuffer())"
            ".then((b) => btoa(String.fromCharCode(...new Uint8Array(b))))"
        )
        answer = self.send(
            "Runtime.evaluate", expression=read, awaitPromise=True, returnByValue=True
        )
        return base64.b64decode(answer["result"]["value"])


@pytest.fixture
def page(served, tmp_path):
    find_browser()
    page = Page(served[0], tmp_path / "profile")
    page.wait(lambda: page.count("#start"), 120)
    yield page
    page.close()


def test_a_picture_is_dropped_enlarged_compared_and_looked_into(page, photo, tiny_checkpoint):
    page.give(photo)
    page.wait(lambda: page.count("#picture img"), 60)
    page.click("#start")
    page.wait(lambda: page.count("#slider img") >= 2, 120)
    assert "120x90 became 240x180" in page.text("#summary")

    (expected,) = SRInferencer(tiny_checkpoint)(photo)
    sources = "[...document.querySelectorAll('#slider img')].map((i) => i.src)"
    assert all(source.endswith(".png") for source in page.run(sources))
    after = "[...document.querySelectorAll('#slider img')].find((i) => !/_bicubic/.test(i.src)).src"
    page.wait(lambda: "Download" in page.text("#download"))
    assert page.fetched(after).startswith(b"\x89PNG")
    name = page.run(f"{after}.split('/').pop()")
    assert name == "photo_tiny_x2_x2.png"
    shown = Image.open(io.BytesIO(page.fetched(after)))
    assert np.abs(np.asarray(shown).astype(int) - expected).max() <= 1

    page.click("#picture img", 0.5, 0.5)
    page.wait(lambda: page.count("#figure img"), 60)
    page.wait(lambda: len(page.text("#table").split()) >= 5 * 6, 60)
    assert "weight" in page.text("#table")

    # The page asks nobody else, and gradio's own scripts raise nothing.
    elsewhere = "performance.getEntriesByType('resource').map((e) => e.name)"
    origin = page.run("location.origin")
    assert [name for name in page.run(elsewhere) if not name.startswith(origin)] == []
    assert [p for p in page.problems if json.loads(p).get("type") != "warning"] == []


def test_faults_are_said_on_the_page(page, photo, tmp_path):
    toast = (
        "[...document.querySelectorAll('[data-testid=toast-body]')].map((t) => t.innerText).join()"
    )

    def says(*words: str) -> None:
        page.wait(lambda: all(word in page.run(toast) for word in words), 60)
        page.run("document.querySelectorAll('[data-testid=toast-close]').forEach((b) => b.click())")
        page.wait(lambda: page.run(toast) == "")

    page.click("#start")
    says("Drop a picture first.")
    (tmp_path / "text.png").write_text("no picture")
    page.give(tmp_path / "text.png")
    says("text.png is not a picture that can be read")
    page.run("document.querySelector('#upload [aria-label=Clear]').click()")
    Image.new("RGB", (200, 101)).save(tmp_path / "large.png")
    page.give(tmp_path / "large.png")
    says("large.png has 200x101 pixels", "0.02 megapixels")
    page.run("document.querySelector('#upload [aria-label=Clear]').click()")
    (tmp_path / "heavy.png").write_bytes(b"\0" * 300_000)
    page.give(tmp_path / "heavy.png")
    says("exceed")


def test_programming_interface(served, photo, extra, tiny_checkpoint):
    client_module = extra("gradio_client")
    client = client_module.Client(served[0], verbose=False)
    upload = client_module.handle_file(str(photo))
    (before, after), summary, download = client.predict(
        upload, "tiny_x2", 2, False, api_name="/enlarge"
    )
    assert "120x90 became 240x180" in summary
    (expected,) = SRInferencer(tiny_checkpoint)(photo)
    for path in (after, _value(download)):
        image = Image.open(path)
        assert image.format == "PNG"
        assert np.abs(np.asarray(image).astype(int) - expected).max() <= 1
    assert Image.open(before).size == (240, 180)
    with pytest.raises(Exception, match="no model 'x'; choose from tiny_x2, edsr_tiny_x2"):
        client.predict(upload, "x", 2, False, api_name="/enlarge")


def _value(update):
    """A component's value, which comes alone or with its other changes."""
    return update["value"] if isinstance(update, dict) else update


def test_only_this_machine_is_served_and_nothing_outside_its_folder(served, photo):
    address, folder = served
    with urllib.request.urlopen(f"{address}/config") as answer:
        assert json.load(answer)["analytics_enabled"] is False
    for path in (photo, Path("/etc/hostname")):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/gradio_api/file={path}")
    assert any(folder.glob("ignn_serve_*"))


def _ask(address: str, path: str, body: bytes | None = None, **headers: str) -> tuple:
    """Status, headers and body of an answer, whatever its status."""
    request = urllib.request.Request(f"{address}{path}", body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def _upload(address: str, name: str, content: bytes) -> tuple:
    head = f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = b"--x\r\n" + head.encode() + content + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    return _ask(address, "/gradio_api/upload", body, **kind)


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xhtml", "x.xml", "x.pdf", "x.js", "x"])
def test_uploads_are_never_served_as_pages(served, name):
    address, folder = served
    status, _, answer = _upload(address, name, b"<script>alert(1)</script>")
    assert status == 200
    (path,) = json.loads(answer)
    assert str(folder) not in path
    status, headers, _ = _ask(address, f"/gradio_api/file={path}")
    assert status == 200
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")


def test_other_hosts_names_and_paths_of_this_one_are_not_known(served, photo):
    address, folder = served
    assert _ask(address, "/config", Host="evil.example")[0] == 403
    assert _ask(address, "/config", Host="localhost")[0] == 200
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/startup-events"):
        status, _, answer = _ask(address, path)
        assert status == 200
        assert str(folder).encode() not in answer
        assert sys.prefix.encode() not in answer
    path = json.loads(_upload(address, "p.png", photo.read_bytes())[2])[0]
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    call = json.dumps({"data": [file, "edsr_tiny_x2", 2, False]}).encode()
    kind = {"Content-Type": "application/json"}
    answer = _ask(address, "/gradio_api/call/enlarge", call, **kind)[2]
    _, _, told = _ask(address, f"/gradio_api/call/enlarge/{json.loads(answer)['event_id']}")
    assert b"event: complete" in told
    assert str(folder).encode() not in told
    shown = re.search(rb'"url": "[^"]*(/gradio_api/file=[^"]*_x2\.png)"', told)
    assert _ask(address, shown[1].decode())[2].startswith(b"\x89PNG")


def test_bad_values_leave_no_trace_and_a_full_queue_is_left_quickly(tmp_path, extra):
    extra("gradio")
    log = tmp_path / "log"
    with log.open("w") as stderr:
        process, address = _start(tmp_path, Path("ignn_tiny_x2"), stderr=stderr, limits=False)
    large = tmp_path / "large.png"
    Image.fromarray(RNG.integers(0, 256, (900, 1600, 3), np.uint8)).save(large)
    path = json.loads(_upload(address, "large.png", large.read_bytes())[2])[0]
    kind = {"Content-Type": "application/json"}
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for data in ([3], {}, None, [file, [], 2], [file, "ignn_tiny_x2", {}], [{"path": "x"}, 1, 2]):
        body = json.dumps({"fn_index": 1, "data": data, "session_hash": "bad"}).encode()
        assert _ask(address, "/gradio_api/queue/join", body, **kind)[0] == 422
    statuses = []
    for number in range(40):
        call = {
            "fn_index": 1,
            "data": [file, "ignn_tiny_x2", 2, False],
            "session_hash": f"s{number}",
        }
        statuses.append(
            _ask(address, "/gradio_api/queue/join", json.dumps(call).encode(), **kind)[0]
        )
    assert statuses.count(200) >= 32
    time.sleep(1)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert time.monotonic() - started < 3
    assert list(tmp_path.glob("ignn_serve_*")) == []
    assert log.read_text() == ""


def test_uploads_are_bounded_together(tmp_path, extra, tiny_checkpoint):
    extra("gradio")
    process, address = _start(tmp_path, tiny_checkpoint, "--max-stored-mb", "0.3")
    statuses = [_upload(address, f"{n}.png", bytes([n]) * 100_000)[0] for n in range(5)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert statuses == [200, 200, 200, 507, 507]


def test_a_missing_gradio_is_named(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "ignn_toolbox.serve.page", raising=False)
    status, _, err = cli("serve")
    assert status == 1
    assert "ignn_toolbox[demo]" in err


def test_a_taken_port_is_named(served, cli):
    port = served[0].rsplit(":", 1)[1]
    status, _, err = cli("serve", "--port", port)
    assert status == 1
    assert port in err
