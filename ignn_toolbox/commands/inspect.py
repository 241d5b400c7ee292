"""``ignn inspect``: figures of what the patch graph finds in a picture."""

import argparse
from pathlib import Path

from ._device import add_device

HELP = "draw a patch's neighbours and their weights, feature maps, or how a picture repeats itself"
EXAMPLES = """examples:
  ignn inspect house.png --at auto                       # a query and its k neighbours (Figure 1)
  ignn inspect house.png --at 120,80 --model ignn_tiny_x2 -o query.pdf
  ignn inspect house.png --at 120,80 --model csnln_x2 --checkpoint csnln_x2.pth  # its attentions
  ignn inspect house.png --features                      # around GraphAgg, AdaPN or not (Figure 5)
  ignn inspect house.png --recurrence                    # where the picture repeats itself
The picture is the network's input; x counts columns and y rows, from 0 at the top left.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", metavar="IMAGE", type=Path, help="picture to look into")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--at",
        metavar="X,Y",
        help="draw what the patch at this pixel finds: neighbours, or attention's weights; auto "
        "takes one with structure that recurs",
    )
    what.add_argument("--features", action="store_true", help="draw the features around GraphAgg")
    what.add_argument("--recurrence", action="store_true", help="draw the recurrence map")
    parser.add_argument(
        "--model",
        default="ignn_tiny_x2",
        help="zoo name, config or checkpoint (default: %(default)s)",
    )
    parser.add_argument("--checkpoint", help="weights to load into the model")
    add_device(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help=".png or .pdf (default: IMAGE_WHAT.png)"
    )


def run(args: argparse.Namespace) -> int:
    """Draw one figure and say where it is."""
    from ..images import read_image
    from ..text import shown
    from ..visualization.figures import FORMATS, save_figure

    kind = "graph" if args.at else "features" if args.features else "recurrence"
    output = args.output or args.image.with_name(f"{args.image.stem}_{kind}.png")
    if output.suffix.lower() not in FORMATS:
        raise ValueError(f"{output}: figures are written as {' or '.join(FORMATS)}")
    save_figure(_figure(args, read_image(args.image)), output)
    print(f"wrote {shown(output)}")
    return 0


def _figure(args: argparse.Namespace, image):  # type: ignore[no-untyped-def]
    from ..devices import find_device
    from ..evaluation.recurrence import recurrence_map
    from ..visualization import figures
    from ..visualization.attention import attended_from
    from ..visualization.inspection import feature_maps, has_graph, look_up, telling_place
    from ..zoo.loading import init_model

    if args.recurrence:
        return figures.draw_recurrence(image, recurrence_map(image))
    place = None
    if args.at == "auto":
        place = telling_place(image)
        print(f"at {place[0]},{place[1]}")
    elif not args.features:
        place = _pixel(args.at)
    network = init_model(args.model, args.checkpoint, find_device(args.device)).network
    if place is None:
        return figures.draw_features(feature_maps(network, image))
    if not has_graph(network):
        attentions = attended_from(network, image, *place)
        for attention in attentions:
            for number, row, col, weight in attention.strongest(5):
                size = "x".join(map(str, attention.maps[number].shape[::-1]))
                print(f"{attention.name}: weight {weight:.4f} at {col},{row} of {size}")
        return figures.draw_attention(image, attentions)
    query = look_up(network, image, *place)
    for rank, (top, left, side) in enumerate(query.taken, 1):
        print(
            f"neighbour {rank}: {side}x{side} pixels at {left},{top}, "
            f"weight {query.weights[rank - 1]:.4f}, distance {query.distances[rank - 1]:.4g}"
        )
    return figures.draw_query(query)


def _pixel(text: str) -> tuple[int, int]:
    x, _, y = text.partition(",")
    try:
        return int(x), int(y)
    except ValueError:
        raise ValueError(f"--at {text} must be X,Y, such as 120,80, or auto") from None
