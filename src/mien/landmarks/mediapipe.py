"""98 landmarks from MediaPipe's face mesh network with attention: the network alone, on a given region.

No detector and no tracker runs in here. The region comes with the face (`Face.crop` of the tracker, else
the detector's box and key points); the network also says whether it sees a face there at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import Field

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.regions import box_of_landmarks, region_of_detection, region_of_landmarks
from mien.core.schema import load_schema
from mien.landmarks.mesh_points import points_from_mesh
from mien.landmarks.visibility import visibility
from mien.pipeline import stage
from mien.runtime.mediapipe_graph import VERSION, ImageGraph, landmark_array, scalar
from mien.runtime.warp import warp_crop

_SIZE_PX = 192
_GRAPH = """
input_stream: "image"
input_side_packet: "with_attention"
output_stream: "landmarks"
output_stream: "presence"
node { calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:input_tensors"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 192 output_tensor_height: 192 output_tensor_float_range { min: 0.0 max: 1.0 } } } }
node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:op_resolver" }
node { calculator: "FaceLandmarksModelLoader"
  input_side_packet: "WITH_ATTENTION:with_attention" output_side_packet: "MODEL:model" }
node { calculator: "InferenceCalculator" input_stream: "TENSORS:input_tensors" output_stream: "TENSORS:output_tensors"
  input_side_packet: "MODEL:model" input_side_packet: "OP_RESOLVER:op_resolver"
  options { [mediapipe.InferenceCalculatorOptions.ext] { delegate { xnnpack { num_threads: 1 } } } } }
node { calculator: "SplitTensorVectorCalculator" input_stream: "output_tensors"
  output_stream: "mesh_tensors" output_stream: "presence_tensor"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] {
    ranges { begin: 0 end: 6 } ranges { begin: 6 end: 7 } } } }
node { calculator: "TensorsToFaceLandmarksWithAttention"
  input_stream: "TENSORS:mesh_tensors" output_stream: "LANDMARKS:landmarks" }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:presence_tensor" output_stream: "FLOAT:presence"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } } }
"""


class Options(stage.Options):
    """Options of `MediaPipeLandmarks`."""

    min_presence: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="a face whose network says less than this for 'a face is here' is dropped",
    )
    second_look: bool = Field(
        default=True,
        description="run the network again on the region of its own points where a detector chose the first one: for a "
        "face with key points, or without a region. A detector that gives no key points gets no second look behind a "
        "tracker",
    )


class Mesh(NamedTuple):
    """What the network says about one region.

    xyz: (478, 3) float32; x, y in image px, z in the same scale, smaller = nearer to the camera, relative.
    presence: 0–1.
    """

    xyz: Float32
    presence: float


class MediaPipeLandmarks:
    """Fills `Face.landmarks` (schema "wflw98") and drops faces that are none.

    Key points of the detector are used where there are any; it works without.
    Also sets `Face.box` to the bounding box of the points and `Face.crop` to the region that was looked at.
    Confidence of a point: the presence score, times its visibility (`landmarks.visibility`).
    Source: Grishchenko et al. 2020, "Attention Mesh"; 70 hard WFLW test faces: NME 7.4 % of the outer eye
    corner distance, median 5.8 %; 5.9 % over points with confidence above 0.9. Far contours differ by definition:
    WFLW follows the visible outline, the mesh stays on the head. Three of the 70 are dropped.
    Not independent for six points, whose blends were chosen after seeing these faces (`mediapipe98.toml`).
    """

    reads = frozenset({"image", "faces"})
    writes = frozenset({"faces", "faces.landmarks"})

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._graph = ImageGraph(_GRAPH, ("landmarks", "presence"), {"with_attention": True}, warm_up_wh=_SIZE_PX)

    @property
    def models(self) -> tuple[str, ...]:
        return (f"mediapipe-{VERSION}/face_landmark_with_attention",)

    def step(self, record: FrameRecord) -> FrameRecord:
        if record.image is None:
            return record
        seen = [self._look(record.image, face) for face in record.faces]
        return replace(record, faces=tuple(f for f in seen if f is not None))

    def mesh(self, image: UInt8, region: CropTransform) -> Mesh:
        """Run the network on a region of the image; `region.size_wh` must be 192 × 192."""
        packets = self._graph.run(warp_crop(image, region))
        xyz = landmark_array(packets["landmarks"]) * _SIZE_PX
        scale = float(np.sqrt(abs(np.linalg.det(region.image_from_crop[:, :2]))))
        xy = region.to_image(xyz[:, :2] - 0.5)
        return Mesh(np.column_stack([xy, xyz[:, 2] * scale]).astype(np.float32), scalar(packets["presence"]))

    def _look(self, image: UInt8, face: Face) -> Face | None:
        given = face.crop
        region = given if given is not None else region_of_detection(face.box, face.keypoints, _SIZE_PX)
        region = _resized(region)
        mesh = self.mesh(image, region)
        fresh = face.keypoints is not None or given is None
        if fresh and self._options.second_look and mesh.presence > 0.1:
            better = region_of_landmarks(_landmarks(mesh, image.shape), _SIZE_PX)
            if better is not None:
                region, mesh = better, self.mesh(image, better)
        if not mesh.presence >= self._options.min_presence:
            return None
        landmarks = _landmarks(mesh, image.shape)
        box = box_of_landmarks(landmarks, face.box.confidence)
        return replace(face, landmarks=landmarks, crop=region, box=box or face.box)

    def feedback(self, record: FrameRecord) -> None:
        return None

    def reset(self, track_id: int | None = None) -> None:
        return None

    def close(self) -> None:
        self._graph.close()


def _resized(region: CropTransform) -> CropTransform:
    """The same region shown as 192 × 192 px (outer edges kept)."""
    if region.size_wh == (_SIZE_PX, _SIZE_PX):
        return region
    k = np.array(region.size_wh, dtype=np.float64) / _SIZE_PX
    linear = region.image_from_crop[:, :2].astype(np.float64) * k
    offset = region.image_from_crop[:, 2] + region.image_from_crop[:, :2].astype(np.float64) @ ((k - 1) / 2)
    return CropTransform(np.column_stack([linear, offset]).astype(np.float32), (_SIZE_PX, _SIZE_PX))


def _landmarks(mesh: Mesh, shape: tuple[int, ...]) -> Landmarks:
    points = points_from_mesh() @ mesh.xyz
    seen = visibility(mesh.xyz, points[:, :2], (shape[1], shape[0]))
    return Landmarks(points[:, :2], np.clip(mesh.presence * seen, 0, 1), load_schema("wflw98"))
