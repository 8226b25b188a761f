"""Takes over REST: which there are, their curves, their edits, and every exporter. Take names are query parameters."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from mien.errors import SinkError
from mien.pipeline.registry import EXPORTERS
from mien.recorder.edited_take import read_edits, write_edits
from mien.recorder.export_take import ExportRequest, export_take
from mien.sinks.overlay import VIDEO_FILE
from mien.studio import take_data
from mien.studio.messages import Choice
from mien.studio.rest_messages import EditList, ExportAsk, FrameWhy, TakeDetail, TakeEntry
from mien.studio.take_folder import opened_take, take_entries

Name = Annotated[str, Query(max_length=1024)]


def take_routes(folder: Path, first: Path | None) -> APIRouter:
    """Routes below /takes for the takes in `folder`; `first` is the one that the studio was opened with."""
    router = APIRouter(prefix="/takes", tags=["takes"])

    @router.get("")
    def listed() -> list[TakeEntry]:
        """All takes, the newest first; the one that the studio was opened with before them."""
        entries = take_entries(folder)
        if first is not None and first.resolve().is_relative_to(folder.resolve()):
            own = first.resolve().relative_to(folder.resolve()).as_posix()
            entries.sort(key=lambda e: e.name != own)
        return entries

    @router.get("/exporters")
    def exporters() -> list[Choice]:
        """Formats to export to."""
        return [Choice(name=n, what=e.what) for n, e in EXPORTERS.items()]

    @router.get("/detail")
    def opened(name: Name) -> TakeDetail:
        """One take."""
        return take_data.detail(name, opened_take(folder, name))

    @router.get("/curves")
    def curves(name: Name, track: int) -> Response:
        """Curves of a face, before and after the edits; the layout stands in `take_data.py`."""
        return Response(take_data.curves(opened_take(folder, name), track), media_type="application/octet-stream")

    @router.get("/why")
    def why(name: Name, track: int, index: int) -> FrameWhy:
        """Why the character looks as it does in a frame."""
        return take_data.why(opened_take(folder, name), track, index)

    @router.get("/edits")
    def edits(name: Name) -> EditList:
        """The edits beside the take."""
        found = read_edits(opened_take(folder, name))
        return EditList(operations=found.operations, done=found.done)

    @router.put("/edits")
    def edit(name: Name, asked: EditList) -> EditList:
        """Keep the edits; the take itself is never changed."""
        take = opened_take(folder, name)
        edits = read_edits(take).model_copy(update={"operations": asked.operations, "done": asked.done})
        write_edits(take, edits)
        return asked

    @router.get("/video")
    def video(name: Name) -> FileResponse:
        """The overlay video of the take."""
        path = opened_take(folder, name).path.parent / VIDEO_FILE
        if not path.is_file():
            raise HTTPException(404, f"{name} has no {VIDEO_FILE}")
        return FileResponse(path, media_type="video/mp4")

    @router.post("/export")
    def export(name: Name, asked: ExportAsk) -> FileResponse:
        """The take in other formats: one file, or a ZIP of several."""
        take = opened_take(folder, name)
        scratch = tempfile.TemporaryDirectory(prefix="mien-export-")
        try:
            where = Path(scratch.name) / "files"
            where.mkdir()
            request = ExportRequest(take.path, asked.outputs, where, track_id=asked.track_id, edited=asked.edited)
            made = export_take(request)
            path = made[0] if len(made) == 1 else _zipped(made, Path(scratch.name) / f"{_stem(name)}.zip")
        except OSError as error:
            scratch.cleanup()
            raise SinkError(f"the export cannot be written: {error.strerror or error}") from error
        except BaseException:
            scratch.cleanup()
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(scratch.cleanup))

    return router


def _stem(name: str) -> str:
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-")
    return plain or "take"


def _zipped(files: list[Path], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return path
