"""Imported before NumPy: small matrix products run in one thread, as under the command `mien` (see its `cli.main`).

OpenBLAS's second thread waits busily for some 20 ms after a product, on a core that the networks need.
"""

from __future__ import annotations

import os

if not any(name in os.environ for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")):
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
