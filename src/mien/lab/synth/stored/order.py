"""`Order`: what a synthetic dataset consists of. The same order gives the same files on the same machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mien.errors import ConfigError
from mien.lab.render.random_scene import Wishes
from mien.lab.rigs.catalogue import NAMES as RIGS
from mien.pipeline.registry import suggestion

PICTURES_PER_BLOCK, CLIPS_PER_BLOCK = 100, 4


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of dataset.

    Attributes:
        kind: "faces" = one face per picture, "groups" = none to several in a scene, "clips" = sequences.
        size_px: of a square picture, unless asked otherwise.
        max_yaw_deg: heads turn at most so far.
        classes: only faces of an expression class, none that are mixtures or speech.
        sequences: what is in a clip, by share.
        about: one line for people.
    """

    kind: Literal["faces", "groups", "clips"]
    size_px: int
    max_yaw_deg: float
    about: str
    classes: bool = False
    sequences: tuple[tuple[str, float], ...] = ()


TASKS: dict[str, Task] = {
    "landmarks": Task("faces", 256, 80.0, "98 points of one face per picture, any pose, all labels"),
    "action-units": Task("faces", 256, 50.0, "action units and ARKit shapes, moderate poses"),
    "expression": Task("faces", 256, 45.0, "the eight expression classes", classes=True),
    "detect": Task("groups", 640, 80.0, "scenes with none to several faces, boxes and five points"),
    "micro": Task(
        "clips", 192, 25.0, "short clips around a micro-expression, and such without one",
        sequences=(("micro", 0.7), ("neutral", 0.3)),
    ),
    "macro": Task(
        "clips", 192, 35.0, "clips of one ordinary expression", sequences=(("macro", 0.85), ("neutral", 0.15))
    ),
    "spotting": Task(
        "clips", 192, 35.0, "long clips with several micro- and macro-expressions", sequences=(("long", 1.0),)
    ),
}  # fmt: skip


class RigOrder(BaseModel):
    """A rig and where its files are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: str | None = None
    share: float = Field(1.0, gt=0)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in RIGS:
            raise ValueError(f'there is no rig "{name}"{suggestion(name, RIGS)}')
        return name

    @classmethod
    def parse(cls, text: str) -> RigOrder:
        """ "builtin", "ict:FOLDER".

        Raises:
            ConfigError: unknown rig, or a folder that is missing or too much.
        """
        name, _, folder = text.partition(":")
        if name not in RIGS:
            raise ConfigError(f'there is no rig "{name}"{suggestion(name, RIGS)}')
        if (name == "builtin") != (not folder):
            wanted = "builtin needs no folder" if folder else f"say where its files are: {name}:FOLDER"
            raise ConfigError(f'rig "{text}": {wanted}')
        return cls(name=name, folder=folder or None, share=1.0)


class Order(BaseModel):
    """What was asked for. Two orders that differ in anything but `count` are different datasets.

    Attributes:
        task: name in `TASKS`.
        count: pictures or clips.
        rigs: whose faces, by share.
        first_seed: sample i is made from first_seed + i.
        size_px: of a square picture.
        people: persons of each rig.
        backgrounds: folder of photographs; None = made-up walls.
        picture_format: "jpg" (quality 95) or "png" (lossless).
        fps: of clips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    count: int = Field(ge=1, le=10_000_000)
    rigs: tuple[RigOrder, ...] = (RigOrder(name="builtin", share=1.0),)
    first_seed: int = Field(0, ge=0, le=2**40)
    size_px: int = Field(256, ge=32, le=1024)
    people: int = Field(256, ge=1, le=100_000)
    backgrounds: str | None = None
    picture_format: Literal["jpg", "png"] = "jpg"
    fps: float = Field(100.0, ge=10.0, le=500.0)

    @field_validator("task")
    @classmethod
    def _task(cls, task: str) -> str:
        if task not in TASKS:
            raise ValueError(f'there is no task "{task}"{suggestion(task, TASKS)}')
        return task

    @property
    def kind(self) -> Task:
        """The task's facts."""
        return TASKS[self.task]

    @cached_property
    def wishes(self) -> Wishes:
        """For the renderer."""
        folder = Path(self.backgrounds) if self.backgrounds else None
        return Wishes(self.size_px, folder, max_yaw_deg=self.kind.max_yaw_deg, people=self.people)

    @property
    def per_block(self) -> int:
        """Samples that are written together; the unit of resuming."""
        return CLIPS_PER_BLOCK if self.kind.kind == "clips" else PICTURES_PER_BLOCK

    @property
    def blocks(self) -> int:
        """How many blocks."""
        return -(-self.count // self.per_block)

    def block_range(self, block: int) -> range:
        """Positions of the samples of a block."""
        return range(block * self.per_block, min(self.count, (block + 1) * self.per_block))

    def rig_of(self, seed: int) -> int:
        """Position of the rig that makes this sample."""
        total = sum(r.share for r in self.rigs)
        digest = hashlib.sha256(f"rig {seed}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64 * total
        for i, rig in enumerate(self.rigs):
            place -= rig.share
            if place < 0:
                return i
        return len(self.rigs) - 1

    def told(self) -> dict[str, Any]:
        """For the manifest: without the places of files on this machine, whose content `state_of` stands for."""
        table = self.model_dump(mode="json")
        rigs = [{"name": r.name, "share": r.share} for r in self.rigs]
        return {**table, "rigs": rigs, "backgrounds": "photographs" if self.backgrounds else None}

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Names of what differs from the order of another manifest; `count` may."""
        return [name for name, value in self.told().items() if name != "count" and value != other.get(name)]
