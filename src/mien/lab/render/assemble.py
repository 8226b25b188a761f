"""Rig and choices → scene: who it is, what the face does, what it wears, where the camera stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mien.action_units.visibility import look_shapes
from mien.core.arrays import Float32
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Gaze
from mien.lab.render import hair, things
from mien.lab.render.daily import paint
from mien.lab.render.paint import strands
from mien.lab.render.people import Person, known_person
from mien.lab.render.random_scene import Choices
from mien.lab.render.scene import Camera, Eye, Material, Scene, Surface
from mien.lab.render.surroundings import background, random_light
from mien.lab.render.things import Thing
from mien.lab.render.wardrobe import Wardrobe, wardrobe
from mien.lab.rigs.rig import Identity, Posed, Rig

_FACE_MM = 215.0
"""Height of a face with its forehead; `View.share` is measured with it."""
_MIDDLE_MM = (0.0, -22.0, 40.0)
"""The middle of the face, head frame."""
_SKIN_HUE = np.array([1.52, 0.86, 0.62])
"""What skin's hue mostly is: linear RGB over its mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """A scene and what the labels need to know about it.

    Attributes:
        scene: to be drawn.
        identity, posed: of the rig.
        shapes: (52,) float32 schema "arkit52", with the eyeLook* weights of the gaze.
        harsh: the light is extreme.
    """

    scene: Scene
    identity: Identity
    posed: Posed
    shapes: Float32
    harsh: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """Somebody about to be drawn."""

    rig: Rig
    prepared: Wardrobe
    person: Person
    posed: Posed
    choices: Choices

    @property
    def hair(self) -> str:
        """What hair is drawn: "cap", "long", "rig" (the rig's own) or "none"."""
        asked, loose = self.choices.look.hair, bool(self.person.loose)
        if "skin" in self.person.layer_of and not loose:
            return "rig"  # short hair is modelled, and would show through any other
        return "cap" if asked == "rig" and not (self.prepared.has_hair or loose) else asked


def stage(rig: Rig, choices: Choices) -> Staged:
    """Build the scene of some choices with a rig."""
    prepared = wardrobe(rig)  # type: ignore[arg-type]
    person = known_person(rig, choices.person, choices.look.lasting)  # type: ignore[arg-type]
    left, right = choices.gaze_deg
    looks, _ = look_shapes(Gaze(*np.array([left, right, (1.0, 1.0)], np.float32)))
    shapes = np.where(np.isfinite(looks), looks, choices.face.shapes).astype(np.float32)
    head = _Head(rig, prepared, person, rig.pose(person.identity, shapes, left, right), choices)
    camera = camera_of(choices)
    behind = background(choices.stream("background"), camera.size_px, choices.wishes.backgrounds)
    light, harsh = random_light(choices.stream("light"), behind, choices.wishes.attributes.get("illumination"))
    look = choices.look if "skin" not in person.layer_of else replace(choices.look, beard=0.0)
    atlas = person.atlas.copy()
    paint(atlas, look, (person.areas, person.unrolling), choices.stream("paint"), head.hair in ("cap", "long"))
    scene = Scene(
        surface=_with(_body(head), [*_hair(head), *_things(head)]),
        eyes=_eyes(head),
        camera=camera,
        light=light,
        atlas=atlas,
        gloss=look.gloss,
        strands=strands(look.fibres),
        textures=person.layers,
        background=behind,
    )
    return Staged(scene, person.identity, head.posed, shapes, harsh)


def camera_of(choices: Choices) -> Camera:
    """The camera of a view: the face where and as large as asked for."""
    view, size = choices.view, choices.wishes.size_px
    rotation = rotation_from_euler(view.yaw_deg, view.pitch_deg, view.roll_deg)
    focal = view.share * size * view.distance_mm / _FACE_MM
    offset = np.array(view.centre) * size / focal * view.distance_mm
    middle = np.array([*offset, view.distance_mm])
    return Camera(size, float(focal), rotation, middle - rotation @ np.array(_MIDDLE_MM))


def _body(head: _Head) -> Surface:
    """The rig's own mesh, without its hair if the look has other hair."""
    prepared, mesh, look = head.prepared, head.rig.mesh, head.choices.look
    part = prepared.whole if head.hair == "rig" else prepared.bald
    colour = prepared.colour.copy()
    dye = np.random.default_rng(head.choices.seed)
    cloth = np.clip(dye.uniform(0.02, 0.5) * np.exp(dye.normal(0.0, 0.35, 3)), 0.01, 0.8)
    own = {"skin": look.skin, "hair": look.hair_rgb, "cloth": cloth}
    layer = np.full(len(mesh.materials), -1, np.int16)
    for place, word in enumerate(mesh.materials):
        albedo = own.get(word)
        if word in head.person.layer_of:
            layer[place] = head.person.layer_of[word]
            # A texture brings its own colour; the look only shifts a skin's hue.
            hue = np.array(look.skin) / np.mean(look.skin) / _SKIN_HUE
            albedo = np.clip(hue**0.4, 0.8, 1.2) if word == "skin" else np.ones(3)
        if albedo is not None:
            colour[prepared.rows[place]] = albedo
    return Surface(
        vertices=head.posed.vertices,
        triangles=part.triangles,
        material=part.material,
        colour=colour,
        uv=head.person.uv,
        occlusion=prepared.occlusion,
        weld=prepared.weld,
        layer=layer[part.names],
        corner_uv=part.corner_uv,
    )


def _eyes(head: _Head) -> tuple[Eye, Eye]:
    look = head.choices.look
    iris = head.prepared.iris_rad
    both = []
    for side, point in ((0, 97), (1, 96)):
        centre, forward = head.posed.eye_centres[side], head.posed.gaze[side]
        radius = float(np.linalg.norm(head.posed.points[point] - centre))
        both.append(Eye(centre, forward, radius, iris, iris * look.pupil, look.iris, look.fibres + side))
    return both[0], both[1]


def _hair(head: _Head) -> list[Thing]:
    look, style = head.choices.look, head.hair
    if style == "rig":
        return list(head.person.loose)
    if style == "none":
        return []
    scalp = head.person.scalp
    pieces = [hair.cap(head.posed.vertices, scalp, look.hair_mm)]
    if style == "long":
        pieces.append(scalp.curtain)
    return [Thing.of(p, look.hair_rgb, Material.HAIR) for p in pieces if len(p[1])]


def _things(head: _Head) -> list[Thing]:
    rng = head.choices.stream("things")
    points = head.posed.points.astype(np.float64)
    out: list[Thing] = []
    for name in head.choices.things:
        if name in ("glasses", "sunglasses"):
            out += things.glasses(points, rng, name == "sunglasses")
        elif name == "mask":
            skin = head.posed.vertices[head.prepared.skin_vertices]
            out.append(things.mask(skin, points, head.person.unrolling, rng))
        elif name == "hand":
            out.append(things.hand(points, rng, head.choices.look.skin))
        else:
            out.append(things.object_before(points, rng))
    return out


def _with(surface: Surface, extras: list[Thing]) -> Surface:
    """One mesh of the head and everything around it."""
    if not extras:
        return surface
    first = np.cumsum([len(surface.vertices)] + [len(t.vertices) for t in extras])
    counts = [len(t.triangles) for t in extras]
    total, faces = int(first[-1]), sum(counts)
    added = total - len(surface.vertices)
    place = np.concatenate([t.vertices for t in extras])
    around = np.empty((len(place), 2), np.float32)
    around[:, 0] = np.arctan2(place[:, 0], place[:, 2] + np.float32(60.0)) / np.float32(2 * np.pi) + np.float32(0.5)
    around[:, 1] = place[:, 1] / np.float32(280.0) + np.float32(0.5)
    return Surface(
        vertices=np.concatenate([surface.vertices, place]),
        triangles=np.concatenate(
            [surface.triangles, *(t.triangles + np.int32(f) for t, f in zip(extras, first, strict=False))]
        ),
        material=np.concatenate(
            [surface.material, np.repeat(np.array([t.material for t in extras], np.uint8), counts)]
        ),
        colour=np.concatenate([surface.colour, *(t.colour for t in extras)]),
        uv=np.concatenate([surface.uv, around]),
        occlusion=np.concatenate([surface.occlusion, np.full(added, 0.9, np.float32)]),
        weld=np.concatenate([surface.weld, np.arange(len(surface.vertices), total, dtype=np.int32)]),
        layer=np.concatenate([surface.layer, np.full(faces, -1, np.int16)]),
        corner_uv=surface.corner_uv,
    )
