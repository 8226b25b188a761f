"""Rig and choices → scene: who it is, what the face does, what it wears, where the camera stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mien.action_units.visibility import look_shapes
from mien.core.arrays import Float32
from mien.core.geometry import rotation_from_euler
from mien.core.measures import Gaze
from mien.lab.render import hair, things
from mien.lab.render.paint import Unrolling, paint, strands
from mien.lab.render.random_scene import Choices
from mien.lab.render.scene import Camera, Eye, Int32, Material, Scene, Surface
from mien.lab.render.surroundings import background, random_light
from mien.lab.render.things import Thing
from mien.lab.render.wardrobe import Wardrobe, textures, wardrobe
from mien.lab.rigs.rig import Identity, Posed, Rig

_FACE_MM = 215.0
"""Height of a face with its forehead; `View.share` is measured with it."""
_MIDDLE_MM = (0.0, -22.0, 40.0)
"""The middle of the face, head frame."""
_SKIN_HUE = np.array([1.52, 0.86, 0.62])
"""What skin's hue mostly is: linear RGB over its mean."""
_BROWS = slice(33, 51)


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
    person: Identity
    posed: Posed
    rest: Posed
    unrolling: Unrolling
    choices: Choices

    @property
    def skin(self) -> Int32:
        return np.asarray(self.prepared.triangles[self.prepared.material == Material.SKIN])


@lru_cache(maxsize=512)
def _person(rig: Rig, number: int) -> Identity:
    """Somebody whom a rig can draw; the same number is the same person."""
    return rig.identity(np.random.default_rng([number, 0]))


def stage(rig: Rig, choices: Choices) -> Staged:
    """Build the scene of some choices with a rig."""
    prepared = wardrobe(rig)  # type: ignore[arg-type]
    person = _person(rig, choices.person)  # type: ignore[arg-type]
    left, right = choices.gaze_deg
    looks, _ = look_shapes(Gaze(*np.array([left, right, (1.0, 1.0)], np.float32)))
    shapes = np.where(np.isfinite(looks), looks, choices.face.shapes).astype(np.float32)
    posed = rig.pose(person, shapes, left, right)
    rest = rig.pose(person, np.zeros(len(shapes), np.float32))
    unrolling = Unrolling.around(person.neutral[prepared.skin_vertices])
    layers, number = textures(person.textures, rig.mesh.materials)
    if "skin" in number:  # the texture has them already
        plain = replace(choices.look, brow=0.0, lips=(1.0, 1.0, 1.0), beard=0.0)
        choices = replace(choices, look=plain)
    grown = choices.look.hair in ("cap", "long") or (choices.look.hair == "rig" and not prepared.has_hair)
    head = _Head(rig, prepared, person, posed, rest, unrolling, choices)
    camera = camera_of(choices)
    behind = background(choices.stream("background"), camera.size_px, choices.wishes.backgrounds)
    light, harsh = random_light(choices.stream("light"), behind, choices.wishes.attributes.get("illumination"))
    scene = Scene(
        surface=_with(_body(head, number), [*_hair(head), *_things(head)]),
        eyes=_eyes(head),
        camera=camera,
        light=light,
        atlas=paint(choices.look, rest.points, unrolling, choices.stream("paint"), grown),
        strands=strands(choices.look.fibres),
        textures=layers,
        background=behind,
    )
    return Staged(scene, person, posed, shapes, harsh)


def camera_of(choices: Choices) -> Camera:
    """The camera of a view: the face where and as large as asked for."""
    view, size = choices.view, choices.wishes.size_px
    rotation = rotation_from_euler(view.yaw_deg, view.pitch_deg, view.roll_deg)
    focal = view.share * size * view.distance_mm / _FACE_MM
    offset = np.array(view.centre) * size / focal * view.distance_mm
    middle = np.array([*offset, view.distance_mm])
    return Camera(size, float(focal), rotation, middle - rotation @ np.array(_MIDDLE_MM))


def _body(head: _Head, number: dict[str, int]) -> Surface:
    """The rig's own mesh, without its hair if the look has other hair."""
    prepared, mesh, look = head.prepared, head.rig.mesh, head.choices.look
    keep = np.ones(len(prepared.triangles), bool)
    if look.hair != "rig":
        keep = prepared.material != Material.HAIR
    triangles, material, names = prepared.triangles[keep], prepared.material[keep], prepared.names[keep]
    colour = prepared.colour.copy()
    dye = np.random.default_rng(head.choices.seed)
    cloth = np.clip(dye.uniform(0.02, 0.5) * np.exp(dye.normal(0.0, 0.35, 3)), 0.01, 0.8)
    for kind, albedo in ((Material.SKIN, look.skin), (Material.HAIR, look.hair_rgb), (Material.CLOTH, cloth)):
        colour[np.unique(triangles[material == kind])] = albedo
    layer = np.full(len(mesh.materials), -1, np.int16)
    for word, which in number.items():
        place = mesh.materials.index(word)
        layer[place] = which
        # A texture brings its own colour; the look only shifts a skin's hue.
        hue = np.array(look.skin) / np.mean(look.skin) / _SKIN_HUE
        shift = np.clip(hue**0.4, 0.8, 1.2) if word == "skin" else 1.0
        colour[np.unique(triangles[names == place])] = shift
    corners = np.zeros((len(triangles), 3, 2), np.float32) if mesh.uv is None else mesh.uv[prepared.kept[keep]]
    return Surface(
        vertices=head.posed.vertices,
        triangles=triangles,
        material=material,
        colour=np.nan_to_num(colour, nan=0.3).astype(np.float32),
        uv=head.unrolling.uv(head.person.neutral),
        occlusion=prepared.occlusion,
        weld=prepared.weld,
        layer=layer[names],
        corner_uv=np.ascontiguousarray(corners, dtype=np.float32),
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
    look = head.choices.look
    style = look.hair if look.hair != "rig" or head.prepared.has_hair else "cap"
    if style not in ("cap", "long"):
        return []
    brows = float(head.rest.points[_BROWS, 1].mean())
    neutral, posed = head.person.neutral, head.posed.vertices
    inside = hair.scalp(neutral, head.unrolling, brows, look.hairline_mm)
    axis = head.unrolling.axis_z_mm
    pieces = [hair.cap(posed, head.skin, inside, (look.hair_mm, axis, look.fibres))]
    if style == "long":
        length = 60.0 + 90.0 * look.fibres / 6.28
        pieces.append(hair.curtain(neutral[head.prepared.skin_vertices], brows, (length, axis, look.fibres)))
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
            out.append(things.mask(skin, points, head.unrolling, rng))
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
    around = np.column_stack(
        [np.arctan2(place[:, 0], place[:, 2] + 60.0) / (2 * np.pi) + 0.5, place[:, 1] / 280.0 + 0.5]
    )
    return Surface(
        vertices=np.concatenate([surface.vertices, place]).astype(np.float32),
        triangles=np.concatenate(
            [surface.triangles, *(t.triangles + np.int32(f) for t, f in zip(extras, first, strict=False))]
        ).astype(np.int32),
        material=np.concatenate([surface.material, np.repeat([int(t.material) for t in extras], counts)]).astype(
            np.uint8
        ),
        colour=np.concatenate([surface.colour, *(t.colour for t in extras)]).astype(np.float32),
        uv=np.concatenate([surface.uv, around]).astype(np.float32),
        occlusion=np.concatenate([surface.occlusion, np.full(added, 0.9)]).astype(np.float32),
        weld=np.concatenate([surface.weld, np.arange(len(surface.vertices), total)]).astype(np.int32),
        layer=np.concatenate([surface.layer, np.full(faces, -1)]).astype(np.int16),
        corner_uv=np.concatenate([surface.corner_uv, np.zeros((faces, 3, 2))]).astype(np.float32),
    )
