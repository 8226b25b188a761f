"""The few parts of Blender's Python interface that the exported script uses, in the four ways it has had.

What the real ones do was seen in bpy 4.2, 4.5 and 5.0, where the script gives the same values;
3.6 follows its documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any


class Points:
    def __init__(self) -> None:
        self.co: list[tuple[float, float]] = []
        self.interpolation: list[int] = []
        self.handle_left: list[float] = []
        self.handle_right: list[float] = []
        self.handle_left_type: list[int] = []
        self.handle_right_type: list[int] = []
        self._count = 0

    def add(self, count: int) -> None:
        self._count += count

    def foreach_set(self, name: str, flat: list[Any]) -> None:
        if name == "co":
            assert len(flat) == 2 * self._count
            self.co = list(zip(flat[::2], flat[1::2], strict=True))
        elif name in ("handle_left", "handle_right"):
            assert len(flat) == 2 * self._count
            setattr(self, name, flat)
        else:
            assert name in ("interpolation", "handle_left_type", "handle_right_type")
            assert len(flat) == self._count
            setattr(self, name, flat)


class FCurves(list[Any]):
    def new(self, data_path: str, index: int = 0) -> Any:
        assert not any(c.data_path == data_path and c.array_index == index for c in self)
        curve = SimpleNamespace(data_path=data_path, array_index=index, keyframe_points=Points(), updates=0)
        curve.update = lambda: setattr(curve, "updates", curve.updates + 1)
        self.append(curve)
        return curve


class Slots:
    def new(self, id_type: str, name: str) -> Any:
        return SimpleNamespace(id_type=id_type, name=name)


class OldAnimData:
    """Blender 3.6's AnimData: an action, and no slots; like every RNA struct it takes no other attribute."""

    __slots__ = ("action",)

    def __init__(self) -> None:
        self.action: Any = None


class OldAction:
    """Blender 3.6's Action: `fcurves` and `groups`, neither slots nor layers."""

    __slots__ = ("fcurves", "groups", "name")

    def __init__(self, name: str) -> None:
        self.name, self.fcurves, self.groups = name, FCurves(), []


class Animated:
    """Something with animation data: a Key block or an object."""

    def __init__(self, name: str, id_type: str, old: bool = False) -> None:
        self.name, self.old = name, old
        if not old:
            self.id_type = id_type
        self.animation_data: Any = None
        self.inserted: dict[str, list[tuple[float, Any]]] = {}

    def animation_data_create(self) -> Any:
        self.animation_data = OldAnimData() if self.old else SimpleNamespace(action=None, action_slot=None)
        return self.animation_data

    def keyframe_insert(self, path: str, frame: float) -> None:
        self.inserted.setdefault(path, []).append((frame, getattr(self, path)))


class Block(Animated):
    value = 0.0


class Blender:
    """A scene with one mesh of three shape keys, one without, and an empty.

    Args:
        kind: "3.6", "fcurves" (up to 4.3), "slots" (4.4 and 4.5), "channelbag" (5.0), "insert" (no curves at all).
        shapes: names of the shape keys.
    """

    def __init__(self, kind: str, shapes: tuple[str, ...] = ()) -> None:
        self.kind = kind
        old = kind == "3.6"
        self.key = Animated("Key", "KEY", old)
        names = ("Basis", *(shapes or ("jawOpen", "EyeBlinkLeft", "mouthSmile_R", 'odd "name"')))
        self.key.key_blocks = [Block(n, "KEY") for n in names]  # type: ignore[attr-defined]
        self.face = SimpleNamespace(name="Face", type="MESH", data=SimpleNamespace(shape_keys=self.key))
        cube = SimpleNamespace(name="Cube", type="MESH", data=SimpleNamespace(shape_keys=None))
        self.head = Animated("Head", "OBJECT", old)
        self.head.type = "EMPTY"  # type: ignore[attr-defined]
        self.objects = {"Face": self.face, "Cube": cube, "Head": self.head}
        self.curves: dict[int, FCurves] = {}
        render = SimpleNamespace(fps=24, fps_base=1.001)
        self.scene = SimpleNamespace(render=render, frame_end=1)

    def new_action(self, name: str) -> Any:
        if self.kind == "insert":
            return SimpleNamespace(name=name)
        if self.kind == "3.6":
            return OldAction(name)
        action = SimpleNamespace(name=name, fcurves=FCurves())
        if self.kind != "fcurves":
            action.slots = Slots()
        if self.kind == "channelbag":
            self.curves[id(action)] = action.fcurves
            del action.fcurves
        return action

    def curves_of(self, owner: Animated) -> dict[tuple[str, int], Points]:
        action = owner.animation_data.action
        curves = self.curves.get(id(action)) if self.kind == "channelbag" else action.fcurves
        assert all(c.updates == 1 for c in curves or ())
        if self.kind not in ("3.6", "fcurves"):
            assert owner.animation_data.action_slot.id_type == owner.id_type
        return {(c.data_path, c.array_index): c.keyframe_points for c in curves or ()}


@contextmanager
def blender(kind: str, shapes: tuple[str, ...] = ()) -> Iterator[Blender]:
    """`import bpy` gives the fake inside."""
    one = Blender(kind, shapes)
    bpy, extras = ModuleType("bpy"), ModuleType("bpy_extras")
    objects = one.objects
    collection = type(
        "Objects", (), {"__iter__": lambda _: iter(objects.values()), "get": lambda _, name: objects.get(name)}
    )()
    data: Any = SimpleNamespace(objects=collection, actions=SimpleNamespace(new=one.new_action))
    context: Any = SimpleNamespace(scene=one.scene, selected_objects=[objects["Cube"]])
    bpy.data, bpy.context = data, context  # type: ignore[attr-defined]
    utils: Any = SimpleNamespace()
    if kind == "channelbag":
        utils.action_ensure_channelbag_for_slot = lambda action, slot: SimpleNamespace(fcurves=one.curves[id(action)])
    if kind != "3.6":
        extras.anim_utils = utils  # type: ignore[attr-defined]
    before = {n: sys.modules.get(n) for n in ("bpy", "bpy_extras")}
    sys.modules.update({"bpy": bpy, "bpy_extras": extras})
    try:
        yield one
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
