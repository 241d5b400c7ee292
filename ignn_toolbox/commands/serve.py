"""``ignn serve``: a page in the browser to try models on pictures."""

import argparse
import os
import signal
import sys
import tempfile
import threading

from ._device import add_device

HELP = """Open a page in the browser: drop a picture, choose model and scale, compare before and
after, download a PNG, and click a point to see which patches the graph found for it. The page asks
no other host for anything; pictures are deleted after a while, and all when the command ends."""
EXAMPLES = """examples:
  ignn serve                                  # this machine only
  ignn serve --port 8080 --max-megapixels 8
  ignn serve --host 0.0.0.0                   # every machine that reaches this one
  ignn serve --model work_dirs/my_model.pth ignn_tiny_x2
"""
LOCAL = "127.0.0.1"
_PATIENCE = 1.5  # seconds for the page to close


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=LOCAL, help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        dest="models",
        metavar="MODEL",
        help="zoo names, configs or checkpoints to choose from (default: all that ship)",
    )
    add_device(parser)
    parser.add_argument(
        "--max-upload-mb", type=float, default=20, help="largest file (default: %(default)s)"
    )
    parser.add_argument(
        "--max-megapixels", type=float, default=2, help="largest picture (default: %(default)s)"
    )
    parser.add_argument(
        "--max-stored-mb",
        type=float,
        default=500,
        help="most that uploads and results may take together (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or a polite kill; nothing of the pictures is left."""
    from ..serve import Limits, Studio

    limits = Limits(args.max_upload_mb, args.max_megapixels, args.max_stored_mb)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    status = 0
    # What is being restored at the end may still write there while the folder is removed.
    with tempfile.TemporaryDirectory(prefix="ignn_serve_", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # uploads and what is shown lie here too
        try:
            from ..serve.page import build_page, launch
        except ImportError as error:
            raise ValueError(
                f"the page needs gradio ({error}): pip install 'ignn_toolbox[demo]'"
            ) from error
        studio = Studio(folder, limits, args.models, args.device)
        page = build_page(studio)
        stopped = threading.Event()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        try:
            address = launch(page, studio, args.host, args.port)
            print(f"open {address} in a browser; Ctrl-C stops", flush=True)
            if args.host != LOCAL:
                print(f"{args.host}: other machines can reach this page", flush=True)
            stopped.wait()
        except KeyboardInterrupt:
            print("\nignn serve: stopped", file=sys.stderr)
            status = 130
        finally:
            studio.stop()
            closing = threading.Thread(target=page.close, daemon=True)
            closing.start()
            closing.join(_PATIENCE)
    _leave(status)
    return status


def _leave(status: int) -> None:
    """End the process at once where threads still work for visitors, who have all gone."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
