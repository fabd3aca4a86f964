"""Measuring coalitions by retraining, one after the other, as they are asked for (spec/trainer-job.md, "Coalitions").

Everything that depends on the job alone is computed once. Everything that a run changes is made anew for each, so
that a coalition has the same bits in every worker, whatever was measured before it.
"""
import time
from pathlib import Path

from . import VERSION
from .coalition_job import MAX_REQUEST_BYTES, CoalitionsJob, Request, parse_coalitions_job, parse_request
from .errors import TrainerError
from .events import Events
from .guard import Stop
from .job import open_job
from .order import plan, tokens_after
from .recipe import MILLION
from .seal import Seal


def run_coalitions(folder: Path, seal: Seal, expected_sha256: str | None, events: Events, stop: Stop, lines) -> None:
    """Answers each line of `lines` until they end. Raises TrainerError; nothing is kept then, and nothing is lost."""
    job = parse_coalitions_job(open_job(folder, seal, expected_sha256))
    # Only now: a refused job costs no seconds of loading.
    import torch

    from .base import load_base
    from .questions import Scorer, check_questions_fit
    from .train import Trainer, check_fits, fix_arithmetic, keep_freed_memory

    fix_arithmetic(job.recipe.threads)
    events.emit("started", job_id=job.job_id, job_sha256=job.digest.hex(), version=VERSION,
                torch=str(torch.__version__))

    def progress(phase: str, done: int, total: int) -> None:
        events.emit("progress", phase=phase, done=done, total=total)
        stop.check(f"while in phase {phase}")

    base = load_base(job.base, progress)
    keep_freed_memory()
    check_fits(job, base)
    check_questions_fit(job.questions, base)
    trainer = Trainer(job, base, job.questions)
    scorer = Scorer(trainer, job.questions)
    dialogues = len(job.examples) + len(job.general)
    everything = dialogues + len(job.questions)
    trainer.prepare(lambda phase, done, _: progress(phase, done, everything))
    scorer.prepare(lambda phase, done, _: progress(phase, dialogues + done, everything))
    while line := stop.wait(lambda: lines.readline(MAX_REQUEST_BYTES), "between two coalitions"):
        _measure(job, parse_request(line, job), trainer, scorer, events, stop)


def _measure(job: CoalitionsJob, request: Request, trainer, scorer, events: Events, stop: Stop) -> None:
    """Trains the coalition and tells how it answers; where it was asked for, goes back through the run as well."""
    from .replay import Tape

    player = {bundle: place for place, m in enumerate(request.members) for bundle in job.players[m]}
    chosen = frozenset(i for i, e in enumerate(job.examples) if e.bundle in player)
    steps = plan(job, request.seed, chosen)
    backwards = request.temperature_e6 is not None
    tell = _progress(request.number, len(steps) * (1 + backwards), events, stop)
    trainer.begin(request.seed, len(steps))
    tape = Tape(trainer, job.recipe, len(steps)) if backwards else trainer
    losses = []
    for step in steps:
        losses.append(round(tape.step(step) * MILLION))
        tell(len(losses))
    last_pass = losses[-(len(steps) // job.recipe.passes):] if losses else [0]
    tokens = tokens_after(job, steps)
    found = {
        "number": request.number, "members": list(request.members), "seed": request.seed, "steps": len(steps),
        "loss_e6": round(sum(last_pass) / len(last_pass)), "tokens": sum(tokens[bundle] for bundle in player)}
    if not backwards:
        events.emit("coalition", **found, scores_e6=_rounded(scorer.scores()))
        return
    scores, utility, slopes = tape.slopes(
        scorer, request.temperature_e6 / MILLION, [player.get(e.bundle, 0) for e in job.examples],
        len(request.members), lambda left: tell(2 * len(steps) - left))
    events.emit("replay", **found, scores_e6=_rounded(scores), temperature_e6=request.temperature_e6,
                utility_e6=round(utility * MILLION), slopes_e6=[round(slope * MILLION) for slope in slopes])


def _rounded(rows: list[list[float]]) -> list[list[int]]:
    return [[round(score * MILLION) for score in scores] for scores in rows]


def _progress(number: int, total: int, events: Events, stop: Stop):
    told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        stop.check("in a coalition")
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            events.emit("coalition-progress", number=number, done=done, total=total)

    return tell
