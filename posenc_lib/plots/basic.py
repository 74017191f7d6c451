"""Two figures that every notebook uses: one matrix as colours, some curves on common axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from posenc_lib.plots.teaching_figure import TeachingFigure, views_figure
from posenc_lib.plots.views import Curves, Heatmap


def heatmap(
    values: ArrayLike,
    row_label: str,
    column_label: str,
    value_label: str,
    *,
    title: str = "",
    **options: Any,
) -> TeachingFigure:
    """One matrix (rows, columns) as a heat map; `options` are those of `plots.Heatmap`.

    >>> heatmap([[0.0, 1.0]], "position", "dimension", "value").alt[:8]
    'Heat map'
    """
    view = Heatmap(title or value_label, values, row_label, column_label, value_label, **options)
    return views_figure([view])


def curves(
    x: ArrayLike,
    ys: ArrayLike,
    labels: Sequence[str],
    x_label: str,
    y_label: str,
    *,
    title: str = "",
    **options: Any,
) -> TeachingFigure:
    """Curves (curves, points) over x (points,); `options` are those of `plots.Curves`.

    >>> curves([0, 1], [[0.0, 1.0]], ["line"], "position", "value").alt[:6]
    'Curves'
    """
    return views_figure([Curves(title or y_label, x, ys, labels, x_label, y_label, **options)])
