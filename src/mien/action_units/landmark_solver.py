"""Stage: 98 landmarks, head pose and gaze → ARKit-52 blendshapes and FACS action units.

A small network (models/landmark-solver) reads the face turned to the front beside the person's neutral; where
the eyes look comes from the gaze; action units come from the shapes by a table, so that the two agree.
Where the expression was read before, it has a say about smiles and about what a face at
rest is (`mood`).
Nothing is smoothed over time; only whether a unit is present has a memory (`presence`). Why a value is NaN: `reasons`.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from mien.action_units.exclusive import without_contradictions
from mien.action_units.facs import action_units
from mien.action_units.features import apparent_yaw_pitch, features, front_view
from mien.action_units.lids import shut, together
from mien.action_units.mood import calmness, without_false_smiles
from mien.action_units.neutral import PARTS, Neutral, activity, part_of_shape, without_excess
from mien.action_units.options import Options
from mien.action_units.presence import Presence
from mien.action_units.profile import Profile, read_profile
from mien.action_units.seen import Seen, eyes_seen
from mien.action_units.visibility import (
    GAZE_SHAPES,
    LEAST_POINT,
    Visibility,
    lip_gap,
    look_shapes,
)
from mien.core.arrays import Float32, Float64
from mien.core.measures import Blendshapes, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.pipeline.stage import StageBase
from mien.runtime.store import open_model

_BLINKS = [load_schema("arkit52").index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_WIDES = [load_schema("arkit52").index(name) for name in ("eyeWideLeft", "eyeWideRight")]
_JAW_OPEN = load_schema("arkit52").index("jawOpen")

SCHEMA = "wflw98"
SAME_POINTS = {"landmarks/points98": "landmarks/hrnet98"}
"""Stage → the stage from which its network learnt: they mean the same places, so one solver serves both."""

_NOTHING = Blendshapes.of(np.full(52, np.nan), np.zeros(52))
"""Of a face whose head pose could not be measured."""


class LandmarkSolver(StageBase):
    """Reads landmarks, head pose, gaze and track id; writes blendshapes and action units of every face.

    Where `Face.expression` is known already it is read too. Faces without landmarks keep None. A shape is NaN with
    confidence 0 where its region cannot be seen, where landmarks are NaN, and always for tongueOut and jawForward. One
    neutral is kept per track id; faces without an id get none. The model belongs to the points and the pose of one
    landmark backend; its card names them.

    Raises:
        ConfigError: the profile cannot be read, or belongs to another model.
        ValueError: from `step`: the landmarks are of another schema than wflw98.
    """

    reads = frozenset({"faces.landmarks", "faces.head_pose", "faces.gaze", "faces.track_id"})
    writes = frozenset({"faces.action_units", "faces.blendshapes"})

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._model = open_model(self.options.model, backend=self.options.backend, threads=1, small=True)
        width = int(self._model.card.inputs[0].shape[1] or 0)
        constants = self._model.run({"features": np.zeros((1, width), dtype=np.float32)})
        self._reference: Float32 = constants["reference"].astype(np.float32)
        self._lids: Float32 = constants["lids"].astype(np.float32)
        self._turn_offset = constants["turn_offset"].astype(np.float64)
        self._reliability: Float32 = constants["reliability"].astype(np.float32)
        self._visibility = Visibility(self._reliability, self.options.max_yaw_deg, self.options.hidden_below)
        self._part_of_shape = np.array([list(PARTS).index(part) for part in part_of_shape()])
        self._neutrals: dict[int, Neutral] = {}
        self._presence: dict[int, Presence] = {}
        self._profile: Profile | None = None
        self._known: Neutral | None = None
        if self.options.profile is not None:
            try:
                self.use(read_profile(self.options.profile), self.options.profile)
            except ConfigError:
                self._model.close()
                raise

    @property
    def looks_at(self) -> dict[str, str]:
        """What is used if an earlier stage wrote it, and for what."""
        used = "the correction of false smiles and to tell a face at rest (its option mood)"
        return {"faces.expression": used} if self.options.mood else {}

    def use(self, profile: Profile, name: str = "profile") -> None:
        """Measure everybody by a person's calibration from now on; no neutral is learned any more.

        Args:
            profile: fitted with this solver's models.
            name: for the message.

        Raises:
            ConfigError: it belongs to another model.
        """
        if profile.model not in (self.calibrates(), self.calibrates(pictures=False)):
            raise ConfigError(
                f"{name} was calibrated with {profile.model}, this solver runs {self.calibrates()}: calibrate again "
                "with the same preset"
            )
        self._profile, self._known = profile, Neutral.settled(profile.neutral)

    def calibrates(self, *, pictures: bool = True) -> str:
        """Ids of the models whose reading a profile is fitted to, where frames come with pictures or without."""
        return self._model.id

    def at_rest(self, track_id: int | None) -> Float32 | None:
        """(52,) logits of a person's face at rest in the pixel reader, for a profile; here there is no such reader."""
        return None

    @property
    def reference(self) -> Float32:
        """(98, 3) mean face of the model."""
        return self._reference

    @property
    def reliability(self) -> Float32:
        """(52,) correlation of each shape with the truth on people that were not trained on; 0 = not measured."""
        return self._reliability

    @property
    def turn_offset(self) -> Float64:
        """(2,) radians: yaw and pitch that the landmark backend's pose reads on a face that looks straight ahead."""
        return self._turn_offset

    def front(self, face: Face) -> Float32 | None:
        """(98, 2) front view of a face; NaN = point not seen; None = no landmarks or no head pose."""
        if face.landmarks is None or face.head_pose is None or not np.isfinite(face.head_pose.rotation).all():
            return None
        front: Float32 = self._view(face.landmarks, face.head_pose)[1][0]
        return front

    @property
    def models(self) -> tuple[str, ...]:
        """Id of the network."""
        return (self._model.id,)

    @property
    def fitted_to(self) -> str | None:
        """The landmark stage whose points the network was fitted to, as its card says; None = it does not say."""
        said = re.search(r"\bbackend=([^;\s]+)", self._model.card.inputs[0].recipe)
        return said.group(1) if said else None

    def doubt_about(self, points_by: str) -> str | None:
        """What to say of points that a stage found, e.g. "landmarks/mediapipe"; None if they are the right ones."""
        fitted_to = self.fitted_to
        if fitted_to is None or SAME_POINTS.get(points_by, points_by) == fitted_to:
            return None
        return (
            f"the points are those of {points_by}, but {self._model.id} was fitted to those of {fitted_to}: "
            "expressions may read too strong or too weak; choose the preset that the take was captured with"
        )

    def step(self, record: FrameRecord) -> FrameRecord:
        """Fill `blendshapes` and `action_units` of every face that has landmarks and a head pose."""
        return replace(record, faces=tuple(self._solve(face, record.stamp.t_ns) for face in record.faces))

    def feedback(self, record: FrameRecord) -> None:
        """Go on from a recorded frame when a capture is resumed: learn its neutral, take over which units are present.
        Faces seen in `step` cost nothing."""
        for face in record.faces:
            if face.track_id is None:
                continue
            neutral = self._neutrals.get(face.track_id)
            if self._learns and (neutral is None or not neutral.saw(record.stamp.t_ns)):
                self._solve(face, record.stamp.t_ns)
            if face.action_units is not None:
                self._presence.setdefault(face.track_id, Presence()).follow(face.action_units)

    def reset(self, track_id: int | None = None) -> None:
        """Forget one person, or all."""
        if track_id is None:
            self._neutrals.clear()
            self._presence.clear()
        else:
            self._neutrals.pop(track_id, None)
            self._presence.pop(track_id, None)

    def close(self) -> None:
        """Release the network."""
        self._model.close()

    def neutral_known(self, track_id: int) -> float:
        """0 = nothing known of this person's neutral face … 1 = settled: the least known part."""
        neutral = self._known or self._neutrals.get(track_id)
        return 0.0 if neutral is None else min(neutral.known(p) for p in ("brows", "eyes", "mouth"))

    def _solve(self, face: Face, t_ns: int) -> Face:
        if face.landmarks is not None and face.landmarks.schema.name != SCHEMA:
            raise ValueError(
                f"the landmark solver reads landmarks of schema {SCHEMA!r}, not {face.landmarks.schema.name!r}: "
                "choose a landmark stage that writes them"
            )
        if face.landmarks is None or face.head_pose is None:
            return face
        pose = face.head_pose
        if not np.isfinite(pose.rotation).all():
            return replace(face, blendshapes=_NOTHING, action_units=action_units(_NOTHING, {}))
        xy, front, turn = self._view(face.landmarks, pose)
        neutral = self._neutral_of(face)
        strange, weights, known, rows = self._weights(front, turn, neutral)
        yaw_pitch = np.degrees(turn[0])
        sure = self._visibility.confidence(face.landmarks.confidence, xy, yaw_pitch, pose.confidence)
        trust = self._visibility.trust(yaw_pitch, sure)
        sure *= 0.7 + 0.3 * known
        active = activity(strange)
        if self.options.mood:
            active = without_excess(active, calmness(face.expression))
        seen = Seen(face, t_ns, xy, front[0], turn, rows, active, trust)
        look, look_sure = look_shapes(face.gaze)
        weights[GAZE_SHAPES], sure[GAZE_SHAPES] = look[GAZE_SHAPES], look_sure[GAZE_SHAPES]
        weights, sure = self._second_opinion(seen, weights, sure)
        if self._profile is not None and self._ranges_apply:  # what is not seen is no gesture either
            weights = np.where(sure > 0, self._profile.applied(np.where(sure > 0, weights, np.nan)), weights)
        if self.options.mood:
            weights = without_false_smiles(weights, face.expression)
        blinks = together(weights[_BLINKS], *eyes_seen(face.landmarks, face.gaze))
        weights[_WIDES] *= 1 - np.maximum(blinks - weights[_BLINKS], 0)  # an eye that follows a shut one is not wide
        weights[_BLINKS] = blinks
        if neutral is not None and self._learns and not neutral.saw(t_ns):
            neutral.learn(t_ns, front[0], active, trust)
        weights, sure = self._looks_kept(seen, np.where(sure > 0, weights, np.nan), sure)
        sure = np.where(np.isfinite(weights), sure, 0.0)
        shapes = Blendshapes.of(without_contradictions(weights.astype(np.float32)), np.clip(sure, 0.0, 1.0))
        gap = lip_gap(front[0]) if sure[_JAW_OPEN] > 0 else np.nan, float(sure[_JAW_OPEN])
        units = action_units(shapes, {"lip_gap": gap})
        if face.track_id is not None:
            units = self._presence.setdefault(face.track_id, Presence()).settle(units)
        return replace(face, blendshapes=shapes, action_units=units)

    def _second_opinion(self, seen: Seen, weights: Float32, sure: Float32) -> tuple[Float32, Float32]:
        """(52,) weights and confidences after another reader was asked; here nobody is."""
        return weights, sure

    def _looks_kept(self, seen: Seen, weights: Float32, sure: Float32) -> tuple[Float32, Float32]:
        """(52,) weights and confidences with the looks of shut eyes as they were; here those are not measured."""
        return weights, sure

    @property
    def _ranges_apply(self) -> bool:
        """Whether a reading is of the kind that a profile's ranges were fitted to."""
        return True

    @property
    def _learns(self) -> bool:
        return self.options.learn_neutral and self._profile is None

    def _view(self, landmarks: Landmarks, pose: HeadPose) -> tuple[Float32, Float32, Float64]:
        """(98, 2) points that are seen, (1, 98, 2) front view, (1, 2) radians."""
        seen = landmarks.confidence > LEAST_POINT
        xy = np.where(seen[:, None], landmarks.xy, np.float32(np.nan))
        turn = apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None]) - self._turn_offset
        return xy, front_view(xy[None], turn, self._reference), turn

    def _neutral_of(self, face: Face) -> Neutral | None:
        if self._known is not None:
            return self._known
        if face.track_id is None:
            return None
        return self._neutrals.setdefault(face.track_id, Neutral(horizon_s=self.options.neutral_horizon_s))

    def _weights(
        self, front: Float32, turn: Float64, neutral: Neutral | None
    ) -> tuple[Float32, Float32, Float32, Float32]:
        """(52,) weights as of a stranger, weights with what is known of the person, how much is known; what the network
        was given, (2, FEATURES)."""
        mean = self._reference[:, :2]
        rows = [features(front, None, turn, self._reference)]
        own = None
        known: Float32 = np.zeros(52, dtype=np.float32)
        if neutral is not None:
            known = np.array([neutral.known(p) for p in PARTS], dtype=np.float32)[self._part_of_shape]
            if known.any():
                own = neutral.shape(self._reference)
                rows.append(features(front, own[None], turn, self._reference))
        given = np.concatenate(rows)
        out = self._model.run({"features": given})["weights"]
        strange, familiar = out[0], out[-1]
        strange[_BLINKS] = np.fmax(strange[_BLINKS], shut(front[0], mean, self._lids))
        familiar[_BLINKS] = np.fmax(familiar[_BLINKS], shut(front[0], mean if own is None else own, self._lids))
        weights = (1 - known) * strange + known * familiar
        return strange, weights, known, given[[0, -1]]
