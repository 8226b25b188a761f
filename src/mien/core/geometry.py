"""Frames, angles and crops. The conventions of the whole project are stated here, once.

Convention:
    Image: origin at the top-left corner, x right, y down, px. The centre of the first pixel is (0, 0).
    Camera: right-handed, x right in the image, y down, z into the scene, mm (as OpenCV).
    Head: right-handed, x to the subject's left, y up, z out of the face, origin midway between the eyes.
    A head that looks straight into the camera has camera_from_head = diag(1, -1, -1): the subject's
    left is the image's right, up is -y, out of the face is -z.
    glTF: right-handed, +y up, +z forward, metres: the head frame, scaled.
    Names: `a_from_b` maps coordinates of b to coordinates of a.
    Euler angles: head_rotation = R_y(yaw) · R_x(-pitch) · R_z(roll) in the head frame of a frontal head, i.e.
    diag(1, -1, -1) · camera_from_head. yaw + turns to the subject's left, pitch + looks up,
    roll + lowers the subject's right ear... by the right-hand rule about +z (counter-clockwise
    as the camera sees it: the subject's head top moves to the image's left).
    Quaternions: (x, y, z, w), unit length, w >= 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, as_float32

FRONTAL: Float64 = np.diag([1.0, -1.0, -1.0])
"""camera_from_head of a head that looks straight into the camera."""
FRONTAL.flags.writeable = False


def euler_from_rotation(camera_from_head: npt.ArrayLike) -> Float32:
    """(yaw, pitch, roll) in degrees of a (3, 3) head rotation; see the module's convention."""
    r = FRONTAL @ np.asarray(camera_from_head, dtype=np.float64)
    pitch = np.arcsin(np.clip(r[1, 2], -1.0, 1.0))
    yaw = np.arctan2(r[0, 2], r[2, 2])
    roll = np.arctan2(r[1, 0], r[1, 1])
    return np.degrees([yaw, pitch, roll]).astype(np.float32)


def rotation_from_euler(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Float64:
    """The inverse of `euler_from_rotation`: (3, 3) camera_from_head."""
    return FRONTAL @ local_rotation(yaw_deg, pitch_deg, roll_deg)


def local_rotation(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Float64:
    """(3, 3) rotation in the head frame itself: R_y(yaw) · R_x(-pitch) · R_z(roll).

    A gaze of (yaw, pitch) is the third column: the direction in which the turned +z axis points.
    """
    y, p, r = np.radians([yaw_deg, -pitch_deg, roll_deg])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(ry @ rx @ rz, dtype=np.float64)


def apparent_rotation(camera_from_head: npt.ArrayLike, translation_mm: npt.ArrayLike) -> Float64:
    """How the head is turned as the picture shows it: relative to the ray along which the camera sees it.

    A face at the edge of a picture that shows its front is turned in the camera's frame, but not to the eye that
    looks at the picture. Characters are driven with this one.

    Args:
        camera_from_head: (3, 3) rotation.
        translation_mm: (3,) head origin in the camera frame; only its direction matters. NaN = the optical axis.

    Returns:
        (3, 3) rotation relative to a frontal head, in the head's (glTF) axes: identity = seen from the front.
    """
    rotation = np.asarray(camera_from_head, dtype=np.float64)
    ray = np.asarray(translation_mm, dtype=np.float64)
    length = np.linalg.norm(ray)
    if not np.isfinite(length) or length == 0 or ray[2] <= 0:
        return np.asarray(FRONTAL @ rotation)
    x, y, z = ray / length
    # The smallest rotation that takes the optical axis (0, 0, 1) to the ray.
    k = 1.0 / (1.0 + z)
    camera_from_view = np.array([[1 - k * x * x, -k * x * y, x], [-k * x * y, 1 - k * y * y, y], [-x, -y, z]])
    return np.asarray(FRONTAL @ camera_from_view.T @ rotation)


def quaternion_from_rotation(rotation: npt.ArrayLike) -> Float32:
    """(4,) x, y, z, w of a (3, 3) rotation matrix, with w >= 0."""
    m = np.asarray(rotation, dtype=np.float64)
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
            [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], 0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)],
        ]
    )
    q = np.linalg.eigh(k / 3.0, UPLO="L")[1][:, -1]
    return (q if q[3] >= 0 else -q).astype(np.float32)


def rotation_from_quaternion(xyzw: npt.ArrayLike) -> Float64:
    """(3, 3) rotation matrix of a (4,) quaternion x, y, z, w of any non-zero length."""
    x, y, z, w = np.asarray(xyzw, dtype=np.float64) / np.linalg.norm(xyzw)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def default_camera(size_wh: tuple[int, int]) -> Float64:
    """(3, 3) intrinsics of a camera nobody calibrated: focal length = the longer side, centre in the middle."""
    w, h = size_wh
    f = float(max(w, h))
    return np.array([[f, 0, (w - 1) / 2], [0, f, (h - 1) / 2], [0, 0, 1]])


def iou(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0–1; 0 for empty boxes."""
    a, b = np.asarray(a_xyxy, dtype=np.float64), np.asarray(b_xyxy, dtype=np.float64)
    wh = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    inter = float(wh[0] * wh[1])
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - inter
    return inter / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CropTransform:
    """What was done to the image to get a crop: recorded once, undone here and nowhere else.

    Attributes:
        image_from_crop: (2, 3) float32 affine; maps crop px (pixel centres at integers) to image px.
        size_wh: the crop's size, px.
    """

    image_from_crop: Float32
    size_wh: tuple[int, int]

    def __post_init__(self) -> None:
        matrix = as_float32(self.image_from_crop, (2, 3), "CropTransform.image_from_crop")
        (a, b, _), (c, d, _) = matrix.tolist()
        if not abs(a * d - b * c) > 1e-12:
            raise ValueError("CropTransform.image_from_crop: not invertible")
        object.__setattr__(self, "image_from_crop", matrix)

    @classmethod
    def around(cls, centre_xy: npt.ArrayLike, side_px: float, size_px: int, roll_deg: float = 0.0) -> CropTransform:
        """A square of `side_px` image pixels around `centre_xy`, shown as `size_px` × `size_px`.

        `roll_deg` is the head's roll (module convention): the crop turns with the head, which stands upright in it.
        """
        scale = float(side_px) / size_px
        angle = radians(-roll_deg)
        a, b = scale * cos(angle), scale * sin(angle)
        middle = (size_px - 1) / 2
        x, y = np.asarray(centre_xy, dtype=np.float64).tolist()
        rows = [[a, -b, x - (a - b) * middle], [b, a, y - (a + b) * middle]]
        return cls(np.array(rows, np.float32), (size_px, size_px))

    @property
    def crop_from_image(self) -> Float32:
        """(2, 3) float32 affine: the inverse."""
        (a, b, x), (c, d, y) = self.image_from_crop.tolist()  # not linalg, which gives the interpreter's lock away
        area = a * d - b * c
        rows = [[d, -b, b * y - d * x], [-c, a, c * x - a * y]]
        return np.asarray(np.array(rows) / area, np.float32)

    def to_image(self, crop_xy: npt.ArrayLike) -> Float32:
        """(..., 2) crop px → image px."""
        m = self.image_from_crop
        return np.asarray(np.asarray(crop_xy, dtype=np.float32) @ m[:, :2].T + m[:, 2], dtype=np.float32)

    def to_crop(self, image_xy: npt.ArrayLike) -> Float32:
        """(..., 2) image px → crop px."""
        m = self.crop_from_image
        return np.asarray(np.asarray(image_xy, dtype=np.float32) @ m[:, :2].T + m[:, 2], dtype=np.float32)

    @property
    def corners_xy(self) -> Float32:
        """(4, 2) image px of the crop's outer corners: top-left, top-right, bottom-right, bottom-left."""
        w, h = self.size_wh
        return self.to_image([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])
