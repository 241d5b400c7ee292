"""The guard of the page: hosts, lengths, sums, names of files, kinds of files, forms of calls."""

import asyncio
import json

import pytest

from ignn_toolbox.serve.calls import Calls
from ignn_toolbox.serve.guard import Guard

FUNCTIONS = {0: "open", 1: "enlarge", 3: "select"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"1234")
    return tmp_path


class Page:
    """An app that notes what it is asked and answers as it is told, behind a guard."""

    def __init__(self, folder, hosts=("127.0.0.1", "localhost", "[::1]")):
        self.heard = []
        self.answer = "application/json", [b"{}"]
        self.coming = None
        calls = Calls(folder, ["ignn", "edsr"], FUNCTIONS)
        self.guard = Guard(self.app, folder, 100, 50, hosts, calls)

    async def app(self, scope, receive, send):
        body = (await receive()).get("body", b"")
        self.heard.append((scope["path"], body))
        if self.coming:
            await self.coming.wait()
        kind, chunks = self.answer
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, chunk in enumerate(chunks):
            more = number < len(chunks) - 1
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def handle(self, path, body=None, host="127.0.0.1:7860", length=None):
        """Status, headers and body of the answer."""
        said = []

        async def receive():
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message):
            said.append(message)

        headers = [(b"host", host.encode())]
        if body is not None:
            headers.append((b"content-length", str(length or len(body)).encode()))
        method = "GET" if body is None else "POST"
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        await self.guard(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in said[1:])
        return said[0]["status"], dict(said[0]["headers"]), content

    def ask(self, *args, **options):
        return asyncio.run(self.handle(*args, **options))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:7860", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:7860", 403),
        ("localhost@evil.example", 403),
        ("", 403),
    ],
)
def test_a_local_page_answers_to_local_names_only(folder, host, status):
    page = Page(folder)
    assert page.ask("/config", host=host)[0] == status
    assert page.ask("/gradio_api/upload", b"x", host=host)[0] == status
    assert len(page.heard) == (2 if status == 200 else 0)
    assert Page(folder, hosts=None).ask("/config", host=host)[0] == 200


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_the_folder_is_called_by_another_name_in_both_directions(folder, cut):
    page = Page(folder)
    text = f'["{folder}/a/x.png", "{str(folder)[:-1]}", "{folder}"]'.encode()
    page.answer = "application/json", [text[:cut], text[cut:-3], text[-3:]]
    _, _, answer = page.ask("/config")
    assert str(folder).encode() not in answer
    assert len(answer) == len(text), "the length that was stated holds"
    shown = json.loads(answer)[0]
    assert shown.endswith("/a/x.png")
    assert json.loads(answer)[1] == str(folder)[:-1], "the beginning of a name is no name"
    page.ask(f"/gradio_api/file={shown}")
    assert page.heard[-1][0] == f"/gradio_api/file={folder}/a/x.png"
    data = {"data": [{"path": shown}, "ignn", 2, False]}
    assert page.ask("/gradio_api/call/enlarge", json.dumps(data).encode())[0] == 200
    assert json.loads(page.heard[-1][1])["data"][0]["path"] == f"{folder}/a/x.png"


def test_files_are_apart_from_the_page_and_sent_as_they_are(folder):
    page = Page(folder)
    page.answer = "text/html", [str(folder).encode()]
    _, headers, body = page.ask(f"/gradio_api/file={folder}/a/x.html")
    assert headers[b"content-security-policy"].startswith(b"sandbox")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert body == str(folder).encode()
    assert b"content-security-policy" not in page.ask("/")[1]


def test_uploads_are_bounded_one_by_one_and_together(folder):
    page = Page(folder)
    assert page.ask("/gradio_api/upload", b"x" * 50)[0] == 200
    assert page.ask("/gradio_api/upload", b"x" * 51)[0] == 413
    (folder / "kept").write_bytes(b"x" * 60)
    status, _, body = page.ask("/gradio_api/upload", b"x" * 40)
    assert status == 507
    assert "try again in some minutes" in json.loads(body)["detail"]
    assert page.ask("/gradio_api/upload", b"x" * 36)[0] == 200
    (folder / "kept").unlink()
    assert page.ask("/gradio_api/upload", b"x" * 40)[0] == 200


def test_uploads_that_are_under_way_count(folder):
    page = Page(folder)

    async def three():
        page.coming = asyncio.Event()
        waiting = [
            asyncio.create_task(page.handle("/gradio_api/upload", b"x" * 45)) for _ in range(3)
        ]
        await asyncio.sleep(0.05)
        page.coming.set()
        return [status for status, _, _ in await asyncio.gather(*waiting)]

    assert asyncio.run(three()) == [200, 200, 507]


def test_requests_without_length_and_huge_ones_are_refused(folder):
    page = Page(folder)
    assert page.ask("/gradio_api/queue/join", b"{}", length="x")[0] == 411
    assert page.ask("/gradio_api/queue/join", b"{}", length=2**20 + 1)[0] == 413
    assert page.heard == []


GOOD = [{"path": "{folder}/a/x.png"}, "ignn", 2, False]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"data": [None, "edsr", 4, False]}, None),
        ({"data": ["x", "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"path": "/etc/passwd"}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"path": "{folder}/../{folder}/a"}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"path": "{folder}/a/gone.png"}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"path": "a\0b"}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"path": "x" * 5000}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"path": 3}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [{"url": "http://127.0.0.1/x"}, "ignn", 2, False]}, "uploaded before"),
        ({"data": [None, "nope", 2, False]}, "no model 'nope'; choose from ignn, edsr"),
        ({"data": [None, ["ignn"], 2, False]}, "no model ['ignn']"),
        ({"data": [None, "ignn", "2", False]}, "no scale '2'; choose from 2, 3, 4"),
        ({"data": [None, "ignn", True, False]}, "no scale True"),
        ({"data": [None, "ignn", 2.0, False]}, "no scale 2.0"),
        ({"data": [None, "ignn", 1e400, False]}, "no scale inf"),
        ({"data": [None]}, "enlarge takes 4 values, got 1"),
        ({"data": [None, "ignn", 2]}, "enlarge takes 4 values, got 3"),
        ({"data": [None, "ignn", 2, 1]}, "tuned must be true or false, got 1"),
        ({"data": {"0": 1}}, "a list `data`"),
        ({"data": None}, "a list `data`"),
        ({"fn_index": 0, "data": [3]}, "uploaded before"),
        ({"fn_index": 0, "data": [None]}, None),
        ({"fn_index": 3, "data": GOOD[:3]}, "a column and a row"),
        (
            {"fn_index": 3, "data": GOOD[:3], "event_data": {"index": [1, "a"], "value": None}},
            "a column and a row",
        ),
        ({"fn_index": 3, "data": GOOD[:3], "event_data": {"index": [1, 2], "value": None}}, None),
        ({"fn_index": 2}, "no function 2"),
        ({"fn_index": [1]}, "no function [1]"),
        ({"fn_index": None}, "no function None"),
    ],
    ids=str,
)
def test_calls_that_make_no_sense_are_answered_with_what_is_wrong(folder, changes, says):
    page = Page(folder)
    call = {"fn_index": 1, "data": GOOD, "session_hash": "s"} | changes
    body = json.dumps(call).replace("{folder}", str(folder)).encode()
    status, _, answer = page.ask("/gradio_api/queue/join", body)
    assert (status == 200) == (says is None) == bool(page.heard)
    assert says is None or says in json.dumps(json.loads(answer), ensure_ascii=False)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b""])
def test_calls_that_are_no_objects_are_refused(folder, body):
    page = Page(folder)
    assert page.ask("/gradio_api/queue/join", body)[0] == 422
    assert page.heard == []


def test_other_functions_of_gradio_are_not_there(folder):
    page = Page(folder)
    body = b'{"data": []}'
    for path in ("component_server", "call/other", "run/lambda", "login", "process_recording"):
        assert page.ask(f"/gradio_api/{path}", body)[0] == 404
    assert page.ask("/gradio_api/cancel", b"{}")[0] == 200
