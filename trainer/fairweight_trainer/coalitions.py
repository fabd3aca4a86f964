"""Measuring coalitions by retraining, one after the other, as they are asked for (spec/trainer-job.md, "Coalitions").

Everything that depends on the job alone is computed once. Everything that a run changes is made anew for each, so
that a coalition has the same bits in every worker, whatever was measured before it.
"""
import time
from pathlib import Path

from . import VERSION
from .coalition_job import (MAX_REQUEST_BYTES, CoalitionsJob, Request, check_questions_fit, parse_coalitions_job,
                            parse_request)
from .errors import TrainerError
from .events import Events
from .guard import Stop
from .job import open_job
from .order import plan, tokens_after
from .seal import Seal


def run_coalitions(folder: Path, seal: Seal, expected_sha256: str | None, events: Events, stop: Stop, lines) -> None:
    """Answers each line of `lines` until they end. Raises TrainerError; nothing is kept then, and nothing is lost."""
    job = parse_coalitions_job(open_job(folder, seal, expected_sha256))
    # Only now: a refused job costs no seconds of loading.
    import torch

    from .base import load_base
    from .questions import Scorer
    from .train import Trainer, check_fits, fix_arithmetic

    fix_arithmetic(job.recipe.threads)
    events.emit("started", job_id=job.job_id, job_sha256=job.digest.hex(), version=VERSION,
                torch=str(torch.__version__))

    def progress(phase: str, done: int, total: int) -> None:
        events.emit("progress", phase=phase, done=done, total=total)
        stop.check(f"while in phase {phase}")

    base = load_base(job.base, progress)
    check_fits(job, base)
    check_questions_fit(job, base)
    trainer = Trainer(job, base, job.questions)
    scorer = Scorer(trainer, job.questions)
    dialogues = len(job.examples) + len(job.general)
    everything = dialogues + len(job.questions)
    trainer.prepare(lambda phase, done, _: progress(phase, done, everything))
    scorer.prepare(lambda phase, done, _: progress(phase, dialogues + done, everything))
    while line := stop.wait(lambda: lines.readline(MAX_REQUEST_BYTES), "between two coalitions"):
        _measure(job, parse_request(line, job), trainer, scorer, events, stop)


def _measure(job: CoalitionsJob, request: Request, trainer, scorer, events: Events, stop: Stop) -> None:
    bundles = frozenset().union(*(job.players[m] for m in request.members))
    chosen = frozenset(i for i, e in enumerate(job.examples) if e.bundle in bundles)
    steps = plan(job, request.seed, chosen)
    trainer.begin(request.seed, len(steps))
    losses = []
    told = time.monotonic()
    for step in steps:
        losses.append(round(trainer.step(step) * 1e6))
        stop.check("in a coalition")
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            events.emit("coalition-progress", number=request.number, done=len(losses), total=len(steps))
    last_pass = losses[-(len(steps) // job.recipe.passes):] if losses else [0]
    tokens = tokens_after(job, steps)
    events.emit(
        "coalition", number=request.number, members=list(request.members), seed=request.seed, steps=len(steps),
        loss_e6=round(sum(last_pass) / len(last_pass)), tokens=sum(tokens[b] for b in bundles),
        scores_e6=[[round(score * 1e6) for score in scores] for scores in scorer.scores()])
