"""Makes docs/images/studio-*.jpg in a real Chromium from the built-in clip: python docs/studio_pictures.py

Needs `make viewer`, Node.js and Chromium.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
MIEN = [sys.executable, "-m", "mien.cli.main"]


def main() -> None:
    """Capture the clip, open a studio with the take, have it photographed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("there is no Chromium: install it (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as name:
        takes, pictures = Path(name, "takes"), Path(name, "pictures")
        pictures.mkdir()
        subprocess.run([*MIEN, "capture", "demo", "--out", str(takes / "demo")], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen([*MIEN, "studio", str(takes), "--no-browser", "--port", str(port)])
        try:
            while server.poll() is None and not listens(port):
                time.sleep(0.2)
            script = str(DOCS.parent / "viewer/tests/pictures.mjs")
            subprocess.run(["node", script, f"http://127.0.0.1:{port}/", browser, str(pictures)], check=True)
        finally:
            server.terminate()
            server.wait(30)
        for picture in sorted(pictures.glob("*.png")):
            to = DOCS / "images" / f"{picture.stem}.jpg"
            Image.open(picture).convert("RGB").save(to, quality=88, optimize=True)


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
