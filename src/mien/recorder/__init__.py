"""A capture from end to end: source → pipeline → sinks → exporters, into one folder.

What was captured is never lost: an error or an interruption still closes every sink, and the exporters
run on whatever the take holds. Whoever watches a capture has no part in how it ends.
"""

from mien.recorder.capture import capture_to_folder
from mien.recorder.request import Outcome, Request, Watcher, resolve

__all__ = ["Outcome", "Request", "Watcher", "capture_to_folder", "resolve"]
