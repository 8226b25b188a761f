"""Stage: landmarks and pixels together → ARKit-52 blendshapes and FACS action units, one value per shape and side.

The landmark solver goes first; the pixel reader looks at the aligned crop. Of each shape so much comes from the pixels
as proved best on people that neither was trained on (`PixelReader.share`). Everything else is the solver's: pairs that
exclude each other, lids that close together, units by the one table, NaN where a region is hidden or turned away.
How far the jaw is open is asked once more where teeth are seen (`teeth`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from mien.action_units.kept_looks import KeptLooks, belief_in_looks, less_sure
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.options import Options as SolverOptions
from mien.action_units.pixel_reader import AtRest, PixelReader
from mien.action_units.profile import Profile
from mien.action_units.seen import Seen
from mien.action_units.teeth import open_share, with_bared_teeth
from mien.action_units.visibility import GAZE_SHAPES, Visibility, lip_gap, look_shapes, looked
from mien.core.arrays import Float32, UInt8
from mien.core.measures import Gaze
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema

_BLINKS = [load_schema("arkit52").index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_DOUBT = 0.5
"""Share of its confidence that a shape loses where both readers count alike and contradict each other entirely."""


class Options(SolverOptions):
    """Options of `FusedSolver`."""

    pixels: str = Field(default="shape-pixels", description="pixel reader: name of a shipped model, or a folder")


def _looking_as_read(face: Face) -> Face:
    """The gaze says what eyeLook* say, so that the two never disagree; what was not measured stays so."""
    if face.gaze is None or face.blendshapes is None:
        return face
    read = looked(face.blendshapes.values)
    measured = np.stack([face.gaze.left_yaw_pitch_deg, face.gaze.right_yaw_pitch_deg])
    left, right = np.where(np.isfinite(measured) & np.isfinite(read), read, measured)
    sure = face.gaze.confidence * belief_in_looks(face.blendshapes.values)
    return replace(face, gaze=Gaze(left, right, sure))


class FusedSolver(LandmarkSolver):
    """Reads landmarks, head pose, gaze, track id and, where there is one, the picture; writes blendshapes and action
    units of every face, and its gaze anew: the landmark network's pupils hardly follow an eye up and down.

    As `LandmarkSolver`; a `profile` gives both readers the face at rest and changes what they say together. Without a
    picture (a take that is solved again) the landmarks alone are read, and what only pixels show is NaN; of a profile
    that was fitted with pictures the face at rest alone is used then, and the other way round.
    """

    reads = LandmarkSolver.reads  # a take without pixels is solved again by its landmarks
    writes = LandmarkSolver.writes | {"faces.gaze"}

    def __init__(self, options: Options | None = None) -> None:
        chosen = options or Options()
        self._reader = PixelReader(chosen.pixels, chosen.backend)
        self._rested: AtRest | None = None
        try:
            super().__init__(chosen)
        except Exception:
            self._reader.close()
            raise
        self._both = Visibility(self._reader.reliability, chosen.max_yaw_deg, chosen.hidden_below)
        self._image: UInt8 | None = None
        self._rests: dict[int, AtRest] = {}
        self._looks = KeptLooks()

    def use(self, profile: Profile, name: str = "profile") -> None:
        """See `LandmarkSolver.use`; the pixel reader's face at rest is the profile's from now on, too."""
        super().use(profile, name)
        self._rested = None if profile.own is None else AtRest.settled(profile.own)

    @property
    def reliability(self) -> Float32:
        """See `LandmarkSolver.reliability`; of both readers together."""
        return self._reader.reliability

    def calibrates(self, *, pictures: bool = True) -> str:
        """See `LandmarkSolver.calibrates`."""
        return ", ".join(self.models) if pictures else super().calibrates()

    def at_rest(self, track_id: int | None) -> Float32 | None:
        """(52,) logits of a person's face at rest, NaN where it is not known yet; None if it was never seen."""
        rest = None if track_id is None else self._rests.get(track_id)
        if rest is None:
            return None
        return np.where(rest.known > 0, rest.own, np.nan).astype(np.float32)

    @property
    def caution(self) -> str:
        """What to know before a capture (`pipeline.cautions`)."""
        if self._profile is None or self._profile.model != LandmarkSolver.calibrates(self):
            return ""
        return (
            "the profile was made without pictures: where there are some, only its face at rest is used; "
            "calibrate again with a video or the camera"
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of both networks."""
        return (*super().models, self._reader.model_id)

    def step(self, record: FrameRecord) -> FrameRecord:
        """Fill `blendshapes` and `action_units` of every face that has landmarks and a head pose."""
        self._image = record.image
        try:
            done = super().step(record)
        finally:
            self._image = None
        if record.image is None:
            return done
        return replace(done, faces=tuple(_looking_as_read(face) for face in done.faces))

    def feedback(self, record: FrameRecord) -> None:
        """See `LandmarkSolver.feedback`; where open eyes look is taken over, too."""
        super().feedback(record)
        for face in record.faces:
            if face.track_id is not None and face.blendshapes is not None:
                self._looks.follow(face.track_id, record.stamp.t_ns, face.blendshapes.values)

    def reset(self, track_id: int | None = None) -> None:
        """Forget one person, or all."""
        super().reset(track_id)
        self._looks.forget(track_id)
        if track_id is None:
            self._rests.clear()
        else:
            self._rests.pop(track_id, None)

    def close(self) -> None:
        """Release both networks."""
        super().close()
        self._reader.close()

    def _second_opinion(self, seen: Seen, weights: Float32, sure: Float32) -> tuple[Float32, Float32]:
        landmarks, pose = seen.face.landmarks, seen.face.head_pose
        if self._image is None or landmarks is None or pose is None:
            return weights, sure
        reading = self._reader.read(self._image, seen.xy, seen.turn, self._reference, seen.rows)
        if reading is None:
            return weights, sure
        rest = self._rest_of(seen.face.track_id)
        found = reading.weights(rest)
        known = np.zeros(len(found), np.float32) if rest is None else rest.known
        if rest is not None and rest is not self._rested:
            rest.learn(seen.t_ns, reading.own, seen.front, seen.active, seen.trust)
        share = self._reader.share
        apart = np.abs(np.nan_to_num(weights - found))
        joined = np.where(share >= 1, found, share * found + (1 - share) * weights)
        left, right = looked(joined)
        looks, _ = look_shapes(Gaze(left, right, np.ones(2, np.float32)))
        joined[GAZE_SHAPES] = looks[GAZE_SHAPES]  # one eye does not look up and down at once
        joined[_BLINKS] = np.fmax(joined[_BLINKS], weights[_BLINKS])  # lids that the landmarks show shut are shut
        yaw_pitch = np.degrees(seen.turn[0])
        teeth = open_share(self._image, seen.xy, float(yaw_pitch[0]))
        joined = with_bared_teeth(joined, *teeth, lip_gap(seen.front))
        both = self._both.confidence(landmarks.confidence, seen.xy, yaw_pitch, pose.confidence)
        both *= (0.7 + 0.3 * known) * (1 - _DOUBT * apart * 2 * np.minimum(share, 1 - share))
        both[GAZE_SHAPES] = np.minimum(both[GAZE_SHAPES], np.where(sure[GAZE_SHAPES] > 0, 1.0, 0.0))
        both[~np.isfinite(joined)] = 0.0
        return np.where(share > 0, joined, weights), np.where(share > 0, both, sure)

    def _looks_kept(self, seen: Seen, weights: Float32, sure: Float32) -> tuple[Float32, Float32]:
        if self._image is None:
            return weights, sure
        kept = self._looks.kept(seen.face.track_id, seen.t_ns, weights.astype(np.float32))
        return kept, less_sure(kept, sure)

    @property
    def _ranges_apply(self) -> bool:
        assert self._profile is not None
        return self._profile.model == self.calibrates(pictures=self._image is not None)

    def _rest_of(self, track_id: int | None) -> AtRest | None:
        if self._profile is not None:
            return self._rested
        if track_id is None or not self.options.learn_neutral:
            return None
        return self._rests.setdefault(track_id, AtRest(self.options.neutral_horizon_s))
