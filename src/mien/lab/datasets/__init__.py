"""Datasets behind one interface: `open_dataset("wflw:FOLDER")` gives `len`, `sample(i)`, a frozen split, the licence.

`catalogue.toml` says what is known about each, `docs/datasets.md` is made from it, `checker.check` compares a copy
with what was published. One module per family reads the layouts; no dataset is part of Mien.
"""
