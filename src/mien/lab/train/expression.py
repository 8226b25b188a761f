"""Train an expression network: `mien lab train expression`, and everything behind it but the loop.

The best weights are chosen on a part of the training faces that is held out (by subject where the data names them); the
validation split is never looked at here. The same call goes on where a run stopped. Under torchrun several processes or
GPUs train together (`train.together`).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import torch

from mien.errors import ConfigError, ModelError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.models.expression.catalogue import make
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.dlib_weights import begin_with_dlib
from mien.lab.train.expression_clip_task import ClipTask
from mien.lab.train.expression_clips import ExpressionClips, read_clips
from mien.lab.train.expression_faces import ExpressionFaces, parted, read_faces
from mien.lab.train.expression_labels import is_double
from mien.lab.train.expression_plan import FacesSpec, Plan, Request, classes_of, facts_of, plan_of, to_learn
from mien.lab.train.expression_points import points_of
from mien.lab.train.expression_task import ExpressionTask, device_of
from mien.lab.train.expression_teachers import taught
from mien.lab.train.loop import Run
from mien.lab.train.together import Together
from mien.lab.train.warm_start import warm_start
from mien.runtime.store import MODEL_FILE, model_folder

log = logging.getLogger(__name__)


def read_training(request: Request, spec: FacesSpec) -> ExpressionFaces:
    """The faces of all datasets.

    Raises:
        RequestError: no such dataset or split.
        SourceError: nothing usable in it.
    """
    datasets = [to_learn(open_dataset(one), spec) for one in request.data]
    classes = classes_of(datasets, spec.classes)
    samples = [s for d in datasets for s in d if not is_double(s)]
    if spec.count and spec.count < len(samples):
        samples = [samples[i * len(samples) // spec.count] for i in range(spec.count)]
    points = None
    if spec.aligned:
        kept = request.points or request.out / "points.npz"
        with Together(request.device).first_goes_before():
            points = points_of(samples, kept, lambda done, total: _told("points", done, total))
    return read_faces(samples, classes, points)


def read_training_clips(request: Request, plan: Plan) -> ExpressionClips:
    """The clips of all datasets.

    Raises:
        RequestError: no such dataset or split.
        SourceError: no clip in it, or some cannot be read.
    """
    datasets = [to_learn(open_dataset(one), plan.faces) for one in request.data]
    classes = classes_of(datasets, plan.faces.classes)
    samples = [s for d in datasets for s in d]
    kept = request.points or request.out / "clips"

    def told(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            log.info("clips: %d of %d", done, total)

    with Together(request.device).first_goes_before():
        return read_clips(samples, classes, plan.clips.moments, kept, aligned=plan.faces.aligned, told=told)


def begin_with(task: ExpressionTask | ClipTask, start: str) -> None:
    """Weights of another run or of a shipped model instead of random ones.

    Raises:
        ModelError: it cannot be read, or is another network's.
        ConfigError: a network of clips cannot begin with it.
    """
    if not start.endswith(".pt"):
        if isinstance(task, ClipTask):
            raise ConfigError(f"--start {start}: a network of clips begins with a checkpoint .pt only")
        some = [image for (image, _), _ in zip(task.batches(0), range(8), strict=False)]
        if start.endswith(".dat"):
            begin_with_dlib(task.net, Path(start), some)
        else:
            warm_start(task.net, model_folder(start) / MODEL_FILE, some)
        return
    state = read_checkpoint(Path(start))
    try:
        task.net.load_state_dict(state["average"]["state"] if "average" in state else state["net"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"{start}: is no checkpoint of this network: {error}") from error


def _told(what: str, done: int, total: int) -> None:
    if done % 1000 == 0 or done == total:
        log.info("%s: %d of %d", what, done, total)


def train(request: Request) -> dict[str, Any]:
    """Train to the end, the time budget or Ctrl-C; the figures of the best weights.

    Raises:
        ConfigError, RequestError, SourceError, ModelError: before the first step.
    """
    plan = plan_of(request)
    torch.set_num_threads(request.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(plan.schedule.seed)
    request.out.mkdir(parents=True, exist_ok=True)
    task, more = (_clip_task if plan.of_clips else _face_task)(request, plan)
    facts = {**facts_of(request, plan, task.held_out.classes), **more}
    run = Run(task, plan.schedule, request.out, facts, device=request.device)
    if run.resume():
        log.info("going on at step %d", run.step)
    elif request.start:
        where = device_of(task.net)
        task.net.cpu()
        begin_with(task, request.start)
        task.net.to(where)
        run.average.state = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
    parameters = sum(p.numel() for p in task.net.parameters())
    log.info("%d held out, %.2f M parameters", len(task.held_out), parameters / 1e6)
    best = run.train()
    return {"best_held_out_error": best, "steps": run.step, "seconds": run.seconds, "parameters": parameters}


def _face_task(request: Request, plan: Plan) -> tuple[ExpressionTask, dict[str, Any]]:
    """What is taught pictures, and the facts that only such runs have."""
    faces = read_training(request, plan.faces)
    learnt, held_out = parted(faces, plan.faces.held_out)
    learnt, teachers = taught(learnt, plan.faces.teachers, plan.faces.taught)
    log.info("%d faces", len(learnt))
    task = ExpressionTask(
        net=make(plan.model, len(faces.classes)),
        spec=plan.task,
        faces=learnt,
        held_out=held_out,
        how=plan.how,
        batch=plan.schedule.batch,
        half=plan.schedule.half,
        seed=plan.schedule.seed,
        workers=request.workers,
    )
    return task, {"teachers": list(teachers), "taught": plan.faces.taught} if teachers else {}


def _clip_task(request: Request, plan: Plan) -> tuple[ClipTask, dict[str, Any]]:
    """What is taught clips, and the facts that only such runs have."""
    if plan.faces.teachers or plan.faces.count:
        raise ConfigError("[faces] teachers and count are for pictures; leave them out with a network of clips")
    clips = read_training_clips(request, plan)
    learnt, held_out = parted(clips, plan.faces.held_out)
    log.info("%d clips, %d of them with sound", len(learnt), int(learnt.has_sound.sum()))
    task = ClipTask(
        net=make(plan.model, len(clips.classes)),
        spec=plan.task,
        clips=learnt,
        held_out=held_out,
        how=plan.how,
        muted=plan.clips.muted,
        batch=plan.schedule.batch,
        half=plan.schedule.half,
        seed=plan.schedule.seed,
        workers=request.workers,
    )
    return task, {}
