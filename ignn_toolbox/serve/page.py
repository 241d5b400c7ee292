"""The page: what it looks like, and which function of the studio each part calls."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from ..errors import describe
from ..images import SUFFIXES, as_rgb
from .calls import Calls
from .guard import Guard
from .studio import SCALES, Studio

# Fonts of the reader's own system: the page asks no other host for anything.
THEME = gr.themes.Soft(
    primary_hue="teal",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "monospace"),
)
CSS = """
.gradio-container { max-width: 1280px !important; margin: 0 auto; }
#picture img { image-rendering: pixelated; }
"""
_COLUMNS = ["rank", "x", "y", "side", "weight", "squared distance"]
_PROGRESS = gr.Progress()  # the default value tells gradio to hand one over
_DELETE_EVERY, _DELETE_AGE = 60, 900  # seconds
_ENVELOPE = 10_000  # bytes of a form around the uploaded file
_LOCAL_NAMES = {"127.0.0.1", "localhost", "[::1]"}


def build_page(studio: Studio) -> gr.Blocks:
    """The page of a studio; `launch` shows it."""
    limits = studio.limits
    kinds = list(studio.kinds)
    with gr.Blocks(
        title="ignn_toolbox",
        analytics_enabled=False,
        delete_cache=(_DELETE_EVERY, _DELETE_AGE),
    ) as page:
        gr.Markdown(
            f"## Super-resolution with internal priors\nDrop a picture of up to "
            f"{limits.megapixels:g} megapixels and {limits.megabytes:g} MB, enlarge it, and see "
            "where the network found similar patches. Pictures stay on this machine and are "
            "deleted."
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                upload = gr.File(
                    label="Picture (PNG, JPEG, WebP, TIFF, BMP)",
                    file_types=list(SUFFIXES),
                    elem_id="upload",
                    height=130,
                )
                kind = gr.Dropdown(kinds, value=kinds[0], label="Model", elem_id="model")
                scale = gr.Radio(
                    [(f"x{n}", n) for n in SCALES], value=2, label="Scale", elem_id="scale"
                )
                tune = gr.Checkbox(
                    label="Tune the network on the picture first",
                    info="Takes longer; pays where the picture repeats itself.",
                    elem_id="tune",
                )
                start = gr.Button("Enlarge", variant="primary", elem_id="start")
                summary = gr.Markdown(elem_id="summary")
                download = gr.DownloadButton("Download PNG", visible=False, elem_id="download")
            with gr.Column(scale=3, min_width=400):
                slider = gr.ImageSlider(
                    label="Left: bicubic. Right: the model.",
                    format="png",
                    interactive=False,
                    elem_id="slider",
                    buttons=["fullscreen"],
                    max_height=560,
                )
        gr.Markdown(
            "### Where did it look?\nClick a point of the picture: red is the patch there, the "
            "colours are the patches that the graph found for it and what each weighs."
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                picture = gr.Image(
                    label="Your picture",
                    show_label=False,
                    format="png",
                    interactive=False,
                    elem_id="picture",
                    buttons=[],
                    height=420,
                )
            with gr.Column(scale=3, min_width=400):
                figure = gr.Image(
                    label="Query and neighbours",
                    show_label=False,
                    format="png",
                    interactive=False,
                    elem_id="figure",
                    buttons=["fullscreen"],
                    height=420,
                )
                table = gr.Dataframe(
                    headers=_COLUMNS,
                    visible=False,
                    interactive=False,
                    elem_id="table",
                    buttons=[],
                )

        actions = _Actions(studio)
        # A further picture clears what was shown of the last one.
        upload.change(
            actions.open,
            upload,
            [picture, slider, summary, download, figure, table],
            api_name="open",
            show_progress_on=picture,
        )
        start.click(
            actions.enlarge,
            [upload, kind, scale, tune],
            [slider, summary, download],
            api_name="enlarge",
            show_progress_on=slider,
        )
        picture.select(
            actions.select, [upload, kind, scale], [figure, table], api_visibility="private"
        )
    page.queue(default_concurrency_limit=1, max_size=32)
    return page


def launch(page: gr.Blocks, studio: Studio, host: str, port: int | None, **options: Any) -> str:
    """Serve the page until `page.close()`; return its address.

    Args:
        page: From `build_page`.
        studio: Its studio; uploads lie in its folder, too.
        host: Address to listen at; 127.0.0.1 answers this machine only, under its own names.
        port: The first free one from 7860 on when ``None``.
        options: Of ``gradio.Blocks.launch``.
    """
    guard = Middleware(
        Guard,
        folder=studio.folder,
        stored=studio.limits.stored_bytes,
        upload=studio.limits.bytes + _ENVELOPE,
        hosts=_LOCAL_NAMES | {host} if _is_local(host) else None,
        calls=Calls(studio.folder, list(studio.kinds), _functions(page)),
    )
    # No `allowed_paths`: what lies there is shown in place, whatever it is. Files of the cache are
    # handed out for download unless they are pictures.
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        max_file_size=studio.limits.bytes,
        app_kwargs={"middleware": [guard]},
        theme=THEME,
        css=CSS,
        footer_links=[],
        quiet=True,
        share=False,
        ssr_mode=False,
        enable_monitoring=False,
        prevent_thread_lock=True,
        **options,
    )
    return address


class _Actions:
    """What the page's parts call: values in and out are those of their components."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def open(self, path: str | None) -> list[Any]:
        """Show the picture, clear all results."""
        cleared = [None, "", gr.DownloadButton(visible=False), None, gr.Dataframe(visible=False)]
        if path is None:
            return [None, *cleared]
        with _told():
            return [as_rgb(self.studio.open(path).pixels), *cleared]

    def enlarge(
        self,
        path: str | None,
        kind: str,
        scale: int,
        tune: bool,
        progress: gr.Progress = _PROGRESS,
    ) -> list[Any]:
        """Show both enlargements and offer the model's for download."""
        with _told():
            progress(0, desc="reading the picture")
            result = self.studio.enlarge(
                _given(path), kind, scale, tune, lambda what, done: progress(done, desc=what)
            )
        offered = gr.DownloadButton(value=str(result.after), visible=True)
        return [(str(result.before), str(result.after)), result.summary, offered]

    def select(self, path: str | None, kind: str, scale: int, event: gr.SelectData) -> list[Any]:
        """Show the neighbours of the patch that was clicked."""
        with _told():
            found = self.studio.neighbours(_given(path), kind, scale, *event.index)
        return [str(found.figure), gr.Dataframe(found.rows, visible=True)]


def _functions(page: gr.Blocks) -> dict[int, str]:
    """Names of the page's functions by the number under which the browser calls them."""
    return {number: str(function.name) for number, function in page.fns.items() if function.fn}


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _given(path: str | None) -> str:
    if path is None:
        raise ValueError("Drop a picture first.")
    return path


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Show what a user can mend as a message on the page; all else is a fault of ours."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise gr.Error(str(error), duration=None, print_exception=False) from error
    except Exception as error:
        print(f"ignn serve: {describe(error)}", file=sys.stderr)
        text = "Something went wrong here; the one who runs this page can see what."
        raise gr.Error(text, duration=None, print_exception=False) from error
