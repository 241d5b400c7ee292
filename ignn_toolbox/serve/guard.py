"""What stands between the network and the page: hosts, sums of uploads, paths, kinds of files.

An ASGI middleware that knows nothing of the page but where its files lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from pathlib import Path
from typing import Any

from .calls import Calls

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_UPLOAD = re.compile(r"/upload/?$")
_FILE = re.compile(r"/file[=/]")
_TEXT = re.compile(rb"application/json|text/")
_LARGEST_CALL = 2**20  # bytes of a request that is no upload
# Kept apart from the page, whatever a file holds: no scripts, no frames, no guesses at its kind.
_FILE_HEADERS = [
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
]


class Guard:
    """Refuses requests that the page must not see, and hides where its files lie.

    Args:
        app: What is guarded.
        folder: Where all files lie that may be asked for. In answers it is called by a name of the
            same length that tells nothing, by which requests may ask for it.
        stored: Most bytes that may lie there when a further upload begins.
        upload: Most bytes of an upload.
        hosts: Names under which the page may be asked for; None for any. A page elsewhere could
            otherwise reach this one by a name of its own that leads to this machine.
        calls: What calls must look like.
    """

    def __init__(
        self,
        app: App,
        folder: Path,
        stored: int,
        upload: int,
        hosts: Collection[str] | None,
        calls: Calls,
    ) -> None:
        self._app = app
        self._folder = folder
        self._stored = stored
        self._upload = upload
        self._hosts = hosts
        self._calls = calls
        self._coming = 0  # bytes of uploads that are under way
        self._real = str(folder).encode()
        self._shown = b"/" + b"files".ljust(len(self._real) - 1, b"-")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"]
        if self._hosts is not None and _host(headers) not in self._hosts:
            await _refuse(send, 403, "this page is for this machine only")
        elif scope["method"] != "POST":
            await self._app(self._unveiled(scope), receive, self._veiled(send, path))
        elif not (length := headers.get(b"content-length", b"")).isdigit():
            await _refuse(send, 411, "the length of the request is missing")
        elif _UPLOAD.search(path):
            await self._take_upload(scope, receive, send, int(length))
        elif int(length) > _LARGEST_CALL:
            await _refuse(send, 413, "the request is too large")
        else:
            body = (await _whole(receive)).replace(self._shown, self._real)
            refusal = self._calls.refusal(path, _parsed(body))
            if refusal:
                await _refuse(self._veiled(send, path), *refusal)  # it may name a file
            else:
                await self._app(scope, _given(body, receive), self._veiled(send, path))

    async def _take_upload(self, scope: Message, receive: Receive, send: Send, length: int) -> None:
        if length > self._upload:
            await _refuse(send, 413, "the file exceeds the maximum allowed size")
        elif self._coming + length + _size(self._folder) > self._stored:
            await _refuse(
                send, 507, "the page holds as many pictures as it may; try again in some minutes"
            )
        else:
            self._coming += length
            try:
                await self._app(scope, receive, self._veiled(send, scope["path"]))
            finally:
                self._coming -= length

    def _unveiled(self, scope: Message) -> Message:
        shown, real = self._shown.decode(), self._real.decode()
        return {**scope, "path": scope["path"].replace(shown, real)}

    def _veiled(self, send: Send, path: str) -> Send:
        """Send an answer with the folder's real name replaced wherever text is sent."""
        is_text = False
        held = b""

        async def veiling(message: Message) -> None:
            nonlocal is_text, held
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                is_text = bool(_TEXT.match(kind)) and not _FILE.search(path)
                more = _FILE_HEADERS if _FILE.search(path) else []
                message = {**message, "headers": [*message["headers"], *more]}
            elif is_text:
                body = (held + message.get("body", b"")).replace(self._real, self._shown)
                held = _beginning(self._real, body) if message.get("more_body") else b""
                message = {**message, "body": body.removesuffix(held)}
            await send(message)

        return veiling


def _host(headers: MutableMapping[bytes, bytes]) -> str:
    """The name by which the page was asked for, without the port."""
    return re.sub(r":\d*$", "", headers.get(b"host", b"").decode("latin-1")).lower()


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # just deleted
            continue
    return total


def _beginning(name: bytes, text: bytes) -> bytes:
    """The longest end of a text with which a name begins."""
    lengths = range(min(len(name) - 1, len(text)), 0, -1)
    return next((name[:n] for n in lengths if text.endswith(name[:n])), b"")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


async def _whole(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _given(body: bytes, receive: Receive) -> Receive:
    """Give a request's body that was read already, then what comes after it."""
    left = [body]

    async def give() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return give


async def _refuse(send: Send, status: int, reason: str) -> None:
    # As gradio's clients, the page in the browser among them, read what is wrong with a value.
    detail = [{"__type__": "validate", "is_valid": False, "message": reason}]
    body = json.dumps({"detail": detail if status == 422 else reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
