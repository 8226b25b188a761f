"""Figures of others that stand beside ours: as printed, or as quoted; never measured here."""

from __future__ import annotations

from collections.abc import Mapping

PUBLISHED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "LAB": {
        "nme": (5.27, 10.24, 5.51, 5.23, 5.15, 6.79, 6.32),
        "fr10": (7.56, 28.83, 6.37, 6.73, 7.77, 13.72, 10.74),
        "auc10": (0.5323, 0.2345, 0.4951, 0.5433, 0.5394, 0.4490, 0.4630),
    },
    "HRNetV2-W18": {
        "nme": (4.60, 7.86, 4.79, 4.57, 4.26, 5.42, 5.36),
        "fr10": (3.24, 16.8, 2.23, 3.01, 1.94, 5.98, 4.53),
        "auc10": (0.5528, 0.2860, 0.5360, 0.5616, 0.5763, 0.4862, 0.4886),
    },
    "MTHR-Face": {
        "nme": (4.39, 7.38, 4.61, 4.32, 3.76, 5.11, 4.90),
        "fr10": (3.02, 14.8, 2.19, 2.83, 1.86, 5.64, 4.12),
        "auc10": (0.5871, 0.3242, 0.5579, 0.5692, 0.5957, 0.5388, 0.5536),
    },
}
"""Seed 001, Table 1, on the 2,500 WFLW test faces: all, pose, expression, illumination, make-up, occlusion, blur.
Trained on WFLW's training faces. `docs/papers.md` says what is odd about it."""

QUOTED: Mapping[str, Mapping[str, float]] = {
    "YuNet + PFLD trained on WFLW, end to end": {"nme": 7.62, "fr10": 17.1},
    "PFLD trained on WFLW, true crop": {"nme": 5.08, "fr10": 8.6},
}
"""On the same 70 faces, as they were passed on with these faces; not measured here."""
