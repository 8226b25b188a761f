"""ROI Align (He et al. 2017, "Mask R-CNN", §3) in plain torch operations: regions of a map, resampled to one size.

Each bin of the answer is the mean of `samples` × `samples` bilinear samples at regular places within it; nothing is
rounded. A place more than one cell outside the map counts as 0, as in the published implementations.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def roi_align(maps: Tensor, boxes_xyxy: Tensor, size: int, stride: float, samples: int = 2) -> Tensor:
    """Features of regions.

    Args:
        maps: (B, C, H, W).
        boxes_xyxy: (B, R, 4) left, top, right, bottom in pixel coordinates of the picture, whose first pixel's centre
            is (0, 0); every picture has R regions.
        size: bins per side of the answer.
        stride: picture px per cell of the map; cell i covers pixels stride · i to stride · (i + 1).
        samples: per side and bin.

    Returns:
        (B, R, C, size, size).
    """
    b, c, h, w = maps.shape
    r = boxes_xyxy.shape[1]
    n = size * samples
    at = (torch.arange(n, device=maps.device, dtype=torch.float32) + 0.5) / n
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    # Pixel p lies at (p + 0.5) / stride cells from the map's edge; cell i has its centre at i + 0.5.
    places = (low.unsqueeze(-1) + (high - low).unsqueeze(-1) * at + 0.5) / stride - 0.5
    x, y = places[..., 0, :], places[..., 1, :]
    grid_x = ((2 * x + 1) / w - 1).unsqueeze(2).expand(b, r, n, n)
    grid_y = ((2 * y + 1) / h - 1).unsqueeze(3).expand(b, r, n, n)
    grid = torch.stack([grid_x, grid_y], dim=-1).reshape(b, r * n, n, 2)
    found = F.grid_sample(maps.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    inside = (_within(x, w).unsqueeze(2) & _within(y, h).unsqueeze(3)).reshape(b, 1, r * n, n)
    found = (found * inside).reshape(b, c, r, n, n).transpose(1, 2)
    return F.avg_pool2d(found.reshape(b * r, c, n, n), samples).reshape(b, r, c, size, size)


def _within(places: Tensor, cells: int) -> Tensor:
    return (places > -1.0) & (places < cells)
