"""What a picture shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """One value on each axis of a vocabulary; `Vocabulary.scene` makes it.

    Attributes:
        values: axis and value, or None where that is left open, in the vocabulary's order of axes.
    """

    values: tuple[tuple[str, str | None], ...]

    def replace(self, /, **changes: str | None) -> Scene:
        """The scene with other values on some axes."""
        return Scene(tuple((dict(self.values) | changes).items()))

    def labels(self) -> dict[str, str]:
        """Axis -> value, of the axes that are stated."""
        return {axis: value for axis, value in self.values if value is not None}
