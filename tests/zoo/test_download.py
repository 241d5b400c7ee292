"""Checkpoints come from whichever server has them, whole and unchanged, or not at all."""

import hashlib
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ignn_toolbox.files import write_whole
from ignn_toolbox.zoo import download as module
from ignn_toolbox.zoo.download import DownloadError, addresses, cache_dir, fetch, file_name

CONTENT = os.urandom(600_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves one file on this machine, as well or as badly as its attributes say."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cut_after: list[int] = []  # bytes after which each of the next transfers breaks off
        self.missing = False
        self.stated = True  # whether the size is
        self.endless = False
        self.dawdles = ""
        self.released = threading.Event()
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/some/where/net_x2.pth"

    def wait(self, moment: str, dribble: Callable[[], object] = lambda: None) -> None:
        """Sends nothing, or little by little, where the server dawdles."""
        while self.dawdles == moment and not self.released.wait(0.05):
            dribble()

    def handle_error(self, *_: object) -> None:
        """Says nothing of clients that have gone."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.requests += 1
        server.wait("before the answer")
        if server.missing:
            return self.send_error(404, "Not Found")
        self.send_response(200)
        if server.stated:
            self.send_header("Content-Length", str(len(server.content)))
        self.flush_headers()
        server.wait("in the headers", lambda: self.wfile.write(b"X-Again: 1\r\n"))
        self.end_headers()
        body = server.content
        if server.cut_after:
            body = body[: server.cut_after.pop(0)]
        self.wfile.write(body[:1000])
        server.wait("in the content", lambda: self.wfile.write(body[:1]))
        self.wfile.write(body[1000:])
        while server.endless:
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Two servers that have the same file."""
    running = [Server(), Server()]
    for server in running:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(servers: list[Server]) -> Server:
    return servers[0]


@pytest.fixture(autouse=True)
def _no_mirrors(monkeypatch) -> None:
    monkeypatch.delenv("IGNN_MIRRORS", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "net_x2.pth"


def dead_url() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/net_x2.pth"


def files(target: Path) -> list[str]:
    """What lies beside the file and in its place, but for the lock."""
    return [name for name in os.listdir(target.parent) if not name.endswith(".lock")]


def nothing(target: Path) -> bool:
    """Whether nothing was left."""
    return files(target) == []


def only(target: Path) -> bool:
    """Whether the file is there, whole, and nothing else but a lock."""
    return there(target.parent) == [target.name] and target.read_bytes() == CONTENT


def there(folder: Path) -> list[str]:
    """The names of a folder's files, locks left out."""
    return [name for name in os.listdir(folder) if not name.endswith(".lock")]


def test_a_file_is_loaded_once(server: Server, target: Path) -> None:
    for _ in range(2):
        assert fetch([server.url], SHA256, target) == target
    assert only(target)
    assert server.requests == 1


def test_a_damaged_file_is_loaded_anew(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    fetch([server.url], SHA256, target)
    assert only(target)


def test_a_transfer_that_breaks_off_is_tried_again(server: Server, target: Path) -> None:
    server.cut_after = [200_000, 1_000]
    fetch([server.url], SHA256, target)
    assert only(target)
    assert server.requests == 3


def test_a_server_that_always_breaks_off_is_given_up(servers: list[Server], target: Path) -> None:
    first, second = servers
    first.cut_after = [1] * 100
    with pytest.raises(DownloadError, match="the transfer broke off after 1 bytes"):
        fetch([first.url], SHA256, target)
    assert first.requests == 3
    fetch([first.url, second.url], SHA256, target)
    assert only(target)


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_more_than_the_file_has_is_not_taken(
    server: Server, target: Path, monkeypatch, stated: bool, known: bool
) -> None:
    monkeypatch.setattr(module, "_MOST", 2**20)
    server.content, server.stated, server.endless = bytes(2**21), stated, not stated
    size = len(CONTENT) if known else None
    says = {
        (True, True): "it has 2,097,152 bytes, not 600,000",
        (True, False): "it has 2,097,152 bytes, more than 1,048,576",
        (False, True): "it sends more than 600,000 bytes",
        (False, False): "it sends more than 1,048,576 bytes",
    }
    with pytest.raises(DownloadError, match=says[stated, known]):
        fetch([server.url], SHA256, target, size)
    assert server.requests == 1
    assert nothing(target)


@pytest.mark.parametrize("moment", ["before the answer", "in the headers", "in the content"])
def test_a_server_that_dawdles_is_given_up(
    servers: list[Server], target: Path, monkeypatch, moment: str
) -> None:
    monkeypatch.setattr(module, "_WINDOW", 0.5)
    first, second = servers
    first.dawdles = moment
    with pytest.raises(DownloadError, match=r"less than 131,072 bytes in 0.5 s"):
        fetch([first.url], SHA256, target, len(CONTENT))
    assert nothing(target)
    fetch([first.url, second.url], SHA256, target, len(CONTENT))
    assert only(target)
    first.released.set()


def test_what_a_killed_process_left_is_removed(server: Server, target: Path) -> None:
    target.parent.mkdir()
    with write_whole(target) as partial:
        partial.write_bytes(b"half")
    target.rename(partial)
    fetch([server.url], SHA256, target)
    assert only(target)


def test_a_dead_mirror_is_passed_over(server: Server, target: Path) -> None:
    fetch([dead_url(), server.url], SHA256, target)
    assert only(target)


def test_another_file_is_not_taken(servers: list[Server], target: Path) -> None:
    first, second = servers
    first.content = os.urandom(600_000)
    with pytest.raises(DownloadError, match=f"its SHA-256 is [0-9a-f]{{64}}, not {SHA256}"):
        fetch([first.url], SHA256, target)
    assert there(target.parent) == []
    fetch([first.url, second.url], SHA256, target)
    assert only(target)


def test_without_a_network_the_way_out_is_named(server: Server, target: Path) -> None:
    server.missing = True
    with pytest.raises(DownloadError) as error:
        fetch([dead_url(), server.url], SHA256, target)
    for part in ("no connection", "answers 404 Not Found", str(target), SHA256, "$IGNN_MIRRORS"):
        assert part in str(error.value)


def test_two_processes_load_a_file_once(server: Server, target: Path) -> None:
    context = multiprocessing.get_context("fork")
    arguments = ([server.url], SHA256, target)
    loading = [context.Process(target=fetch, args=arguments) for _ in range(3)]
    for process in loading:
        process.start()
    for process in loading:
        process.join(30)
    assert [process.exitcode for process in loading] == [0, 0, 0]
    assert only(target)
    assert server.requests == 1


def test_mirrors_of_the_environment_come_first(server: Server, target: Path, monkeypatch) -> None:
    base = server.url.rsplit("/", 1)[0]
    monkeypatch.setenv("IGNN_MIRRORS", f"{dead_url()}/ {base}/")
    fetch([dead_url()], SHA256, target)
    assert only(target)
    monkeypatch.setenv("IGNN_MIRRORS", "a://b c://d/")
    assert addresses(["e://f/n.pth", "c://d/n.pth"]) == [
        "a://b/n.pth",
        "c://d/n.pth",
        "e://f/n.pth",
    ]


def test_a_folder_can_be_a_mirror(tmp_path: Path, target: Path, monkeypatch) -> None:
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "net_x2.pth").write_bytes(CONTENT)
    monkeypatch.setenv("IGNN_MIRRORS", (tmp_path / "usb").as_uri())
    fetch([dead_url()], SHA256, target)
    assert only(target)


def test_files_lie_in_the_users_cache(monkeypatch) -> None:
    monkeypatch.setenv("IGNN_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_dir() == Path("/x/ignn_toolbox")
    monkeypatch.setenv("IGNN_CACHE", "/y")
    assert cache_dir() == Path("/y")
    assert file_name("http://h/a%20b.pth?download=true") == "a b.pth"
    with pytest.raises(ValueError, match="names no file"):
        file_name("http://h/")
