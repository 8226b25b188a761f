"""What the cards of expression networks say: what they were taught on, and where they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mien.lab.datasets.catalogue import dataset_info
from mien.runtime.card import DataCard

FER2013 = DataCard(
    name="FER2013, training part (48 by 48 px cut-outs of web pictures), without near doubles of validation pictures",
    licence="none stated; for research; rights in the pictures are with their owners",
    use="training; 5 % held out for choosing the weights and the temperature",
)
_LIMITS = ("It names what a face looks like, not what its owner feels.",)
_FER_LIMITS = (
    "Its teachers were single labels of web pictures, which people agree with in about two of three cases; "
    "fear, sadness and anger are taken for each other and for neutral most often.",
    "Trained on grey cut-outs of 48 px, mostly frontal. Profiles, hands before the face and drawn faces read badly.",
)
_CLIP_LIMITS = (
    "It looks at whole clips; no stage of the runtime reads it.",
    "Whoever speaks in the clip is heard, whether or not it is the face that is seen.",
)
_PUPIL = (
    "Part of what it was taught is what older networks read off training pictures: their mistakes may be its own.",
)


def data_cards(words: Sequence[str]) -> tuple[DataCard, ...]:
    """Of the --data NAME:PATH that a network was taught on; its use is training, a part held out.

    Raises:
        RequestError: there is no dataset of that name.
    """
    names = dict.fromkeys(word.partition(":")[0] for word in words)
    use = "training; a part held out for choosing the weights and the temperature"
    infos = {name: dataset_info(name) for name in names if name != "fer2013"}
    return tuple(
        FER2013 if name not in infos else DataCard(name=infos[name].title, licence=infos[name].licence, use=use)
        for name in names
    )


def limits_of(facts: Mapping[str, Any], data: Sequence[DataCard]) -> tuple[str, ...]:
    """What the card says of where the network fails.

    Args:
        facts: of the run.
        data: what it was taught on.
    """
    classes = facts["classes"]
    known = (f"{len(classes)} classes: {', '.join(classes)}; nothing else is told apart.",)
    if len(classes) == 7 and "contempt" not in classes:
        known = ("Seven classes; contempt is not among them.",)
    fer = _FER_LIMITS if FER2013 in data else ()
    clips = _CLIP_LIMITS if "clips" in facts else ()
    pupil = _PUPIL if "teachers" in facts else ()
    return (*known, *fer[:1], *_LIMITS, *fer[1:], *clips, *pupil)
