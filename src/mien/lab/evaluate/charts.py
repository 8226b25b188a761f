"""Charts of the laboratory: curves and drawings by Matplotlib, without global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema
from mien.errors import MissingExtraError, SinkError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#c77f1a", "#6a4c93", "#4a4e57")
_MARKED, _FOUND = "#4a4e57", "#d1495b"
_CLOSED = frozenset({"right_brow", "left_brow", "right_eye", "left_eye", "outer_lip", "inner_lip"})
_LINES = (
    *("contour", "right_brow", "left_brow", "nose_bridge", "nose_base", "right_eye", "left_eye"),
    *("outer_lip", "inner_lip"),
)


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("matplotlib", "lab", "Drawing charts") from error
    return Figure(figsize=(width_in, height_in), layout="constrained")


def write_chart(figure: Figure, path: Path, dpi: int = 110) -> None:
    """Write it as PNG or SVG, by the ending.

    Raises:
        SinkError: the file cannot be written.
    """
    try:
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise SinkError(f"chart {path}: {error.strerror or error}") from error


def plain_axes(axes: Axes, x: str, y: str) -> None:
    """Labels, a faint grid, no frame at the top and at the right."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def curves(lines: Mapping[str, tuple[Float64, Float64]], x: str, y: str, *, steps: bool = False) -> Figure:
    """One line per name, (x, y) each; dots where there are few places."""
    figure = new_figure(7.0, 4.2)
    axes = figure.subplots()
    plain_axes(axes, x, y)
    for i, (name, (at, values)) in enumerate(lines.items()):
        dash = "-" if i < len(COLOURS) else "--"
        marker = "o" if len(at) <= 12 and not steps else ""
        axes.plot(
            *(at, values, dash),
            color=COLOURS[i % len(COLOURS)],
            marker=marker,
            markersize=4,
            label=name,
            drawstyle="steps-post" if steps else "default",
        )
    axes.legend(fontsize=8, frameon=False)
    return figure


def small_curves(
    panels: Mapping[str, Mapping[str, tuple[Float64, Float64]]], x: str, y: str, columns: int = 4
) -> Figure:
    """Small charts of steps on the same scales, one per title; a name has the same colour in all of them, and one
    legend stands above."""
    rows = -(-len(panels) // columns)
    figure = new_figure(2.6 * columns, 2.3 * rows + 0.8)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    shown = {}
    for axes, (title, lines) in zip(grid.flat, panels.items(), strict=False):
        plain_axes(axes, "", "")
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=8, labelbottom=True)
        for name, (at, values) in lines.items():
            i = names.index(name)
            dash = "-" if i < len(COLOURS) else "--"
            (shown[name],) = axes.plot(at, values, dash, color=COLOURS[i % len(COLOURS)], drawstyle="steps-post")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)
    figure.legend(
        [shown[n] for n in names],
        names,
        loc="outside upper center",
        ncols=min(4, len(names)),
        fontsize=8,
        frameon=False,
    )
    return figure


def point_drawings(titles: Sequence[str], marked: Float32, found: Float32, columns: int = 5) -> Figure:
    """Small drawings of faces without pixels: the marked points grey, the found ones red, a thin line between.

    Args:
        titles: one per face.
        marked, found: (N, 98, 2) px; NaN is not drawn.
    """
    rows = -(-len(titles) // columns)
    figure = new_figure(2.3 * columns, 2.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, title, truth, answer in zip(grid.flat, titles, marked, found, strict=False):
        axes.set_title(title, fontsize=7)
        axes.set_aspect("equal")
        for a, b in zip(truth, answer, strict=True):
            axes.plot([a[0], b[0]], [a[1], b[1]], color=_FOUND, linewidth=0.4, alpha=0.6)
        for points, colour in ((truth, _MARKED), (answer, _FOUND)):
            _face(axes, points, colour)
        axes.invert_yaxis()
    return figure


def error_drawings(titles: Sequence[str], found: Float32, distances: Float64, most: float, columns: int = 5) -> Figure:
    """Small drawings of the found points alone, coloured by how far from the truth each is: shows no marks.

    Args:
        titles: one per face.
        found: (N, 98, 2) px; NaN = missed, an empty place.
        distances: (N, 98) of the points from the truth, any unit.
        most: distance from which on a point is as red as it gets.
    """
    rows = -(-len(titles) // columns)
    figure = new_figure(2.3 * columns, 2.5 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False)
    dots = None
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, title, points, far in zip(grid.flat, titles, found, distances, strict=False):
        axes.set_title(title, fontsize=7)
        axes.set_aspect("equal")
        _face(axes, points, "#c9ccd3")
        dots = axes.scatter(points[:, 0], points[:, 1], c=far, s=7, cmap="coolwarm", vmin=0, vmax=most, zorder=3)
        axes.invert_yaxis()
    if dots is not None:
        bar = figure.colorbar(dots, ax=grid, orientation="horizontal", fraction=0.02, aspect=60)
        bar.set_label("distance from the marked point, % of the outer eye corners' distance", fontsize=8)
    return figure


def _face(axes: Axes, points_xy: Float32, colour: str) -> None:
    schema = load_schema("wflw98")
    for group in _LINES:
        rows = list(schema.groups[group])
        line = points_xy[[*rows, rows[0]] if group in _CLOSED else rows]
        axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=0.8)
    pupils = points_xy[list(schema.groups["pupils"])]
    axes.plot(pupils[:, 0], pupils[:, 1], ".", color=colour, markersize=3)
