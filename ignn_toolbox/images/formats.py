"""The one table of what kinds of picture files there are."""

SUFFIXES = {
    ".png": "png",
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
}
FORMATS = ("png", "jpg", "webp", "tiff", "bmp")
