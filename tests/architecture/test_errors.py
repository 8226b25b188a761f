"""The error tree drawn in `mien.errors` is the whole tree."""

import inspect
import re

from mien import errors


def test_the_drawn_tree_is_complete() -> None:
    drawn = set(re.findall(r"\b(\w+Error)\b", errors.__doc__ or ""))
    defined = {n for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, Exception)}
    assert drawn == defined
    for name in defined:
        assert issubclass(getattr(errors, name), errors.MienError)


def test_a_missing_extra_names_the_install_line() -> None:
    text = str(errors.MissingExtraError("mediapipe", "mediapipe", "The MediaPipe backend"))
    assert text == "The MediaPipe backend needs mediapipe, which is not installed: pip install 'mien[mediapipe]'"
