"""A model's card: what it is, what it was trained on, what it scores, and what it is not for."""

from .index import ZooModel

_LIMITS = (
    "Trained for pictures that MATLAB's bicubic has made small. Blur, noise and compression of "
    "other origin are enlarged along with the picture. The terms of the training images extend to "
    "the use of these weights."
)


def model_card(model: ZooModel) -> str:
    """The card as Markdown; every figure is the metafile's."""
    lines = [
        f"# {model.name}",
        "",
        f"Super-resolution x{model.scale}, {model.parameters:,} parameters, of ignn_toolbox.",
        "",
        "```bash",
        f"ignn upscale photo.png -o large/ --model {model.name}",
        "```",
        "",
        f"- config: `{model.config.stem}`",
    ]
    if model.weights is not None:
        lines += [f"- weights: `{model.weights.name}`, SHA-256 `{model.sha256}`"]
        lines += [f"- address: {url}" for url in model.urls]
    for key, value in model.training.items():
        if value is not None:
            text = f"`{value}`" if key == "Command" else value
            lines.append(f"- {key.lower()}: {text}")
    if model.results:
        lines += ["", "| set | images | protocol | PSNR | SSIM |", "|---|---|---|---|---|"]
        lines += [
            f"| {row['Dataset']} | {row.get('Images', '')} | {row['Protocol']} "
            f"| {row['PSNR']:.2f} | {row['SSIM']:.4f} |"
            for row in model.results
        ]
    if model.training:
        lines += ["", _LIMITS]
    return "\n".join(lines) + "\n"
