"""A model's card: what it is, what it was trained on, what it scores, and what it is not for."""

from .index import ZooModel

_LIMITS = {
    "super-resolution": (
        "Trained for pictures that MATLAB's bicubic has made small. Blur, noise and compression of "
        "other origin are enlarged along with the picture."
    ),
    "denoising": (
        "Trained for white Gaussian noise, independent in every pixel and channel. The noise that "
        "a camera has smoothed and compressed is another."
    ),
    "artefacts": (
        "Trained for JPEG compressed once. Pictures that were compressed, made smaller and "
        "compressed again, or by other methods, are others."
    ),
    "demosaicing": "Trained for clean 8-bit Bayer mosaics of the phase GRBG, gamma included.",
}
_TERMS = "The terms of the training images extend to the use of these weights."


def model_card(model: ZooModel) -> str:
    """The card as Markdown; every figure is the metafile's."""
    what = model.purpose.capitalize() + (f" x{model.scale}" if model.scale > 1 else "")
    command = "upscale photo.png -o large/" if model.scale > 1 else "restore photo.png -o clean/"
    lines = [
        f"# {model.name}",
        "",
        f"{what}, {model.parameters:,} parameters, of ignn_toolbox.",
        "",
        "```bash",
        f"ignn {command} --model {model.name}",
        "```",
        "",
        f"- config: `{model.config.stem}`",
    ]
    if model.weights is not None:
        lines += [f"- weights: `{model.weights.name}`, SHA-256 `{model.sha256}`"]
        lines += [f"- address: {url}" for url in model.urls]
    for key, value in model.training.items():
        if value is not None and key != "Limits":
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
        limits = model.training.get("Limits", _LIMITS.get(model.purpose, ""))
        lines += ["", f"{limits} {_TERMS}".strip()]
    return "\n".join(lines) + "\n"
