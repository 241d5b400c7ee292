"""Chromium without a window, driven over its debugging pipe; needs no further package."""

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """Path of Chromium; the test is skipped without one, and fails in CI, which installs it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs Chromium (apt: chromium)")
    return found


class Browser:
    """One page of a headless Chromium.

    Attributes:
        problems: Messages of errors and warnings that the page caused.
    """

    def __init__(self, url: str, profile: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # Out of the way of 3 and 4, where Chromium expects its ends of the pipes.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (to_browser, from_browser)]

        def wire() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        options += [f"--user-data-dir={profile}", "--window-size=1200,900", "about:blank"]
        self._process = subprocess.Popen(
            [find_browser(), *options],
            preexec_fn=wire,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        os.set_blocking(self._in, False)
        self._buffer, self._number, self._session = b"", 0, None
        self.problems: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self.send(f"{domain}.enable")
        self.send("Page.navigate", url=url)
        self.wait(lambda: self.run("document.readyState") == "complete")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command of the DevTools protocol and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for answer in self._receive():
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return answer["result"]
            time.sleep(0.005)
        raise TimeoutError(f"{method} was not answered")

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Presses and releases a key."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def wait(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        """Waits until something holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    def close(self) -> None:
        """Ends the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _receive(self) -> list[dict[str, Any]]:
        try:
            self._buffer += os.read(self._in, 2**20)
        except BlockingIOError:
            return []
        *parts, self._buffer = self._buffer.split(b"\0")
        answers = [json.loads(part) for part in parts]
        for answer in answers:
            kind, details = answer.get("method"), answer.get("params", {})
            bad = kind == "Runtime.exceptionThrown"
            bad |= kind == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning")
            bad |= kind == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning")
            if bad:
                self.problems.append(json.dumps(details))
        return answers
