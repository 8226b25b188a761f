"""What landmark networks answer. Tuples, so that they trace into ONNX."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LandmarkMaps(NamedTuple):
    """Answer of a heatmap network.

    Attributes:
        maps: heatmaps (B, P, H, W), one entry per supervised stage, the last is the answer.
        visible_logits: (B, P); None = the network does not say.
        boundaries: (B, K, H, W) boundary maps per stage (LAB); empty for others.
    """

    maps: tuple[Tensor, ...]
    visible_logits: Tensor | None
    boundaries: tuple[Tensor, ...] = ()


class LandmarkPoints(NamedTuple):
    """Answer of a direct regressor.

    Attributes:
        xy: (B, P, 2), 0–1 of the crop: 0 = its left or upper edge, 1 = the opposite edge.
        log_scale: (B, P) natural logarithm of the spread, in the same unit: the Laplace distribution's b per axis.
        visible_logits: (B, P).
    """

    xy: Tensor
    log_scale: Tensor
    visible_logits: Tensor


class WindowAnswer(NamedTuple):
    """Answer of a network of the detection cascade about windows: P-Net's are (B, C, H, W), the others' (B, C).

    Attributes:
        logits: (B, 1, …) logit of "a face".
        box: (B, 4, …) corrections, shares of the window's sides; see `mien.detect.cascade_geometry`.
        points: (B, 10, …) five points x, y, 0–1 of the window: right eye, left eye, nose, right and left corner of the
            mouth (the person's own sides); None = the network does not say.
    """

    logits: Tensor
    box: Tensor
    points: Tensor | None


class AnchorAnswer(NamedTuple):
    """Answer of a one-stage detector about its A anchors.

    Attributes:
        logits: (B, A) logit of "a face".
        offsets: (B, A, 4): see `mien.lab.models.ssd`.
    """

    logits: Tensor
    offsets: Tensor
