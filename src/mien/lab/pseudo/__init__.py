"""Real pixels with pseudo-truth: a teacher labels faces and is believed where it agrees with itself; photo puppets."""
