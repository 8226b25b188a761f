"""TIM, the temporal interpolation model: a clip of any length becomes one of a fixed length.

Zhou, Zhao & Pietikäinen, CVPR 2011; Pfister et al., ICCV 2011. Frames are samples of a curve on the graph of a path,
whose Laplacian has the eigenvectors cos(πk(i − ½)/n) (the DCT-II). Interpolating along the curve is therefore
    ξ(t) = mean + Σ_{k=1}^{n−1} c_k cos(πk(nt − ½)/n),  c_k = (2/n) Σ_i ξ_i cos(πk(i − ½)/n),  t = 1/n … 1,
the same for every pixel: one small matrix. No singular value decomposition, and repeated frames do no harm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64


def tim_matrix(frames: int, wanted: int) -> Float64:
    """(wanted, frames) float64; new frames = matrix @ frames. Rows sum to 1.

    Args:
        frames: n ≥ 1 of the clip.
        wanted: m ≥ 1 evenly from the first frame (t = 1/n) to the last (t = 1).

    Raises:
        ValueError: no frames.
    """
    if frames < 1 or wanted < 1:
        raise ValueError(f"tim_matrix: expected at least one frame on both sides, got {frames} and {wanted}")
    n = frames
    t = np.linspace(1.0 / n, 1.0, wanted) if wanted > 1 else np.array([(1.0 / n + 1.0) / 2])
    k = np.arange(1, n)
    at = np.cos(np.pi * k[None, :] * (n * t[:, None] - 0.5) / n)
    basis = np.cos(np.pi * k[:, None] * (np.arange(1, n + 1)[None, :] - 0.5) / n)
    return np.asarray(1.0 / n + (2.0 / n) * at @ basis, dtype=np.float64)


def interpolate(frames: npt.ArrayLike, wanted: int) -> Float64:
    """(wanted, ...) of (n, ...) frames.

    Raises:
        ValueError: no frames.
    """
    x = np.asarray(frames, dtype=np.float64)
    flat = tim_matrix(len(x), wanted) @ x.reshape(len(x), -1)
    return np.asarray(flat.reshape(wanted, *x.shape[1:]))
