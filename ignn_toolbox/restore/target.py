"""How large a restored picture is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Target:
    """The wanted output size; with nothing set it is the network's scale times the input.

    Attributes:
        factor: Output size over input size.
        width: Output width; without ``height`` the aspect ratio is kept.
        height: Output height; without ``width`` the aspect ratio is kept.
    """

    factor: float | None = None
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        for name in ("factor", "width", "height"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value} must be positive")
        if self.factor is not None and (self.width or self.height):
            raise ValueError(f"factor={self.factor} and a width or height exclude each other")

    def size(self, height: int, width: int, scale: int) -> tuple[int, int]:
        """Height and width of the output for an input of ``height`` x ``width``."""
        if self.width and self.height:
            return self.height, self.width
        factor: float = self.factor or scale
        if self.width:
            factor = self.width / width
        elif self.height:
            factor = self.height / height
        rounded = [max(1, round(side * factor)) for side in (height, width)]
        return self.height or rounded[0], self.width or rounded[1]

    def as_stored(self, orientation: int) -> Target:
        """The same target for pixels that viewers turn by the EXIF ``orientation``."""
        turned = orientation >= 5
        return replace(self, width=self.height, height=self.width) if turned else self
