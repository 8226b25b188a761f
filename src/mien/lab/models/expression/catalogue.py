"""Expression networks by name: constructor, published size, and a tiny size of the same structure for trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mien.errors import ConfigError
from mien.lab.models.blocks.face_backbones import IrSpec, MobileFaceSpec
from mien.lab.models.blocks.parallel import ParallelSpec
from mien.lab.models.blocks.stages import BackboneSpec
from mien.lab.models.expression.answer import ExpressionNetwork
from mien.lab.models.expression.audio_visual import AudioSpec, AudioVisual, AudioVisualSpec
from mien.lab.models.expression.cascade_heads import Immtcnn, ImmtcnnSpec, Mtcnn, MtcnnSpec, SsdHead, SsdHeadSpec
from mien.lab.models.expression.compact import Compact, CompactSpec
from mien.lab.models.expression.dan import Dan, DanSpec
from mien.lab.models.expression.deformable import Deformable, DeformableSpec
from mien.lab.models.expression.efficient_face import EfficientFace, EfficientFaceSpec
from mien.lab.models.expression.hybrid import Hybrid, HybridSpec
from mien.lab.models.expression.irnet import Irnet, IrnetSpec
from mien.lab.models.expression.multi_task import MultiTask, MultiTaskSpec
from mien.lab.models.expression.pair import Pair
from mien.lab.models.expression.poker_face import PokerFace, PokerFaceSpec
from mien.lab.models.expression.poster import Poster, PosterSpec
from mien.lab.models.expression.poster_plus import PosterPlus, PosterPlusSpec
from mien.lab.models.expression.pyramid import Pyramid, PyramidSpec
from mien.lab.models.expression.recognition import Recognition, RecognitionSpec
from mien.lab.models.expression.references import Mobile, MobileSpec, ResNet, ResNetSpec
from mien.lab.models.ssd import SsdSpec
from mien.lab.train.recipe import settings
from mien.pipeline.registry import suggestion


@dataclass(frozen=True, slots=True)
class Published:
    """A size that was published.

    Attributes:
        where: the source.
        parameters, macs: millions; None = not published.
        classes: of the classifier that was counted.
        unused: millions of parameters that were counted there and take no part in the answer.
    """

    where: str
    parameters: float | None = None
    macs: float | None = None
    classes: int = 7
    unused: float = 0.0


Inputs = Callable[[int, int], tuple[Tensor, ...]]


def pictures(count: int, size_px: int) -> tuple[Tensor, ...]:
    """Random pictures (count, 3, S, S)."""
    return (torch.randn(count, 3, size_px, size_px),)


def clips(count: int, size_px: int) -> tuple[Tensor, ...]:
    """Random clips of two frames with their sound."""
    return torch.randn(count, 2, 3, size_px, size_px), torch.randn(count, 2, 1, 96, 64)


@dataclass(frozen=True, slots=True)
class Entry:
    """A network that can be trained.

    Attributes:
        make: from its spec.
        spec: as published; has a field `classes`.
        tiny: the same structure, small enough for a test.
        input_px: side of the published input.
        tiny_px: side of the tiny one's.
        published: sizes to compare with.
        inputs: random inputs.
    """

    make: Callable[[Any], ExpressionNetwork]
    spec: Any
    tiny: Any
    input_px: int
    tiny_px: int = 32
    published: Published | None = None
    inputs: Inputs = pictures

    @property
    def of_clips(self) -> bool:
        """Whether it looks at clips with their sound, not at single pictures."""
        return self.inputs is clips


_TINY_NET = BackboneSpec(excite=False, stem=8, blocks=(1, 1, 1, 1))
_TINY_IR = IrSpec(8, (8, 16, 32), (1, 1, 1))
_TINY_POINTS = MobileFaceSpec(8, ((16, 8, 1, 16), (16, 16, 1, 16), (16, 16, 1, 16)), 32)

NETWORKS: Mapping[str, Entry] = {
    "compact": Entry(Compact, CompactSpec(), CompactSpec(widths=(8, 16), blocks=(1, 1), dropout=0.0), 48),
    "recognition": Entry(Recognition, RecognitionSpec(), RecognitionSpec((8, 16), (1, 1), 3, dropout=0.0), 96),
    "mobile": Entry(
        Mobile,
        MobileSpec(),
        MobileSpec(stem=8, stages=((1, 8, 1, 1), (2, 16, 1, 2)), last=32, dropout=0.0),
        224,
        published=Published("Sandler et al. 2018, table 4: 1,000 classes", 3.504872, 300.0, 1000),
    ),
    "resnet50": Entry(
        ResNet,
        ResNetSpec(),
        ResNetSpec(_TINY_NET),
        224,
        published=Published("He et al. 2016; torchvision's count: 1,000 classes", 25.557032, 4090.0, 1000),
    ),
    "immtcnn": Entry(
        Immtcnn, ImmtcnnSpec(), ImmtcnnSpec((8, 8, 8), 0.5, ParallelSpec((8, 8), (1, 2), 1), 16, dropout=0.0), 96
    ),
    "mtcnn": Entry(Mtcnn, MtcnnSpec(), MtcnnSpec((8, 8, 16), 32), 96, 48),
    "ssd": Entry(SsdHead, SsdHeadSpec(), SsdHeadSpec(SsdSpec(size_px=64, width=8)), 96, 64),
    "dan": Entry(
        Dan,
        DanSpec(),
        DanSpec((8, 16), (1, 1), heads=2, hidden=8, small_stem=True),
        224,
        published=Published("Wen et al. 2023, table 6", 19.72, 2230.0, 8),
    ),
    "irnet": Entry(Irnet, IrnetSpec(), IrnetSpec(8, (1, 1), heads=2, small_stem=True), 224, 16),
    "deformable": Entry(Deformable, DeformableSpec(), DeformableSpec((8, 16), (1, 1), deformed=1, dropout=0.0), 48, 16),
    "efficient_face": Entry(
        EfficientFace,
        EfficientFaceSpec(),
        EfficientFaceSpec((2, 1, 1), (8, 32, 32, 32, 64), dilation=2, small_stem=True),
        224,
        16,
        published=Published("Zhao et al. 2021, table 5", 1.28, 154.18, 7),
    ),
    "poster": Entry(
        Poster,
        PosterSpec(),
        PosterSpec(32, _TINY_IR, _TINY_POINTS, 32, depth=1, heads=4, drop_path=0.0),
        224,
        published=Published("Zheng et al. 2023, table 5: 15.7 GFLOPs = 7.85 GMACs", 71.8, 7850.0, 7, unused=12.944),
    ),
    "poster_plus": Entry(
        PosterPlus,
        PosterPlusSpec(),
        PosterPlusSpec(32, _TINY_IR, _TINY_POINTS, (2, 2, 2), 2, (0, 0, 0), 32, 1, 4),
        224,
        published=Published("Mao et al. 2023, table 1", 43.7, 8400.0, 7),
    ),
    "poker_face": Entry(
        PokerFace,
        PokerFaceSpec(),
        PokerFaceSpec(32, 8, 32, 1, 4, 32, 1, 8),
        224,
    ),
    "hybrid": Entry(Hybrid, HybridSpec(), HybridSpec(8, ((1, 8, 1, 1, 3), (2, 16, 1, 2, 5)), 32), 224, 16),
    "pyramid": Entry(Pyramid, PyramidSpec(), PyramidSpec(((8, 1), (16, 1)), 16, 8, 1), 96, 16),
    "multi_task": Entry(MultiTask, MultiTaskSpec(), MultiTaskSpec(_TINY_NET, 32, units=4, scale=16.0), 112),
    "audio_visual": Entry(
        AudioVisual,
        AudioVisualSpec(),
        AudioVisualSpec(_TINY_NET, AudioSpec(((4, 1), (4, 1), (8, 1), (8, 1)), 16, 8), 16, 16, 1),
        96,
        inputs=clips,
    ),
}
"""Every network of the papers, and the default classifier ("compact")."""


def entry(name: str) -> Entry:
    """A network by name.

    Raises:
        ConfigError: there is none; close names are suggested.
    """
    if name not in NETWORKS:
        raise ConfigError(f'there is no expression network "{name}"{suggestion(name, NETWORKS)}')
    return NETWORKS[name]


def make(table: Mapping[str, Any], classes: int) -> ExpressionNetwork:
    """A network as a recipe's [model] says: `name`, and any field of its spec; or the name "pair" with `first` and
    `second`, each such a table, and `halved` (see `Pair`).

    Raises:
        ConfigError: unknown name or field.
    """
    if table.get("name") == "pair":
        first, second = (make(table.get(which, {}), classes) for which in ("first", "second"))
        return Pair(first, second, int(table.get("halved", 1)), classes)
    options = {k: v for k, v in table.items() if k != "name"}
    one = entry(str(table.get("name", "")))
    for key, value in options.items():
        inner = getattr(one.spec, key, None)
        if isinstance(value, dict) and inner is not None:
            options[key] = settings(type(inner), value, inner)
    return one.make(replace(settings(type(one.spec), options, one.spec), classes=classes))
