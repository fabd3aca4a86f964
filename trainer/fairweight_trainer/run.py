"""One job from its first byte to its last: the steps of `run`, each a line."""
import time
from pathlib import Path

from . import VERSION
from .errors import TrainerError
from .events import Events
from .guard import Stop
from .job import Job, read_job
from .order import chain_after, chain_next, plan, tokens_after
from .seal import Seal, sha256, write_atomic


def run(folder: Path, seal: Seal, expected_sha256: str | None, events: Events, stop: Stop) -> None:
    """Raises TrainerError; after `interrupted` the same call goes on where this one stopped."""
    job = read_job(folder, seal, expected_sha256)
    steps = plan(job, job.seed)
    # Only now: a refused job costs no seconds of loading.
    import torch

    from . import export
    from .base import load_base
    from .checkpoint import read_checkpoint, restore, write_checkpoint
    from .train import Trainer, check_fits, fix_arithmetic, keep_freed_memory, tokens_of

    fix_arithmetic(job.recipe.threads)
    checkpoint = read_checkpoint(folder, seal, job.digest, job.recipe.threads)
    done = checkpoint.step if checkpoint else 0
    if checkpoint and checkpoint.chain != chain_after(job, steps[:done]).hex():
        raise TrainerError("checkpoint-refused", "checkpoint.age has another chain than the job's steps")
    events.emit("started", job_id=job.job_id, job_sha256=job.digest.hex(), version=VERSION,
                torch=str(torch.__version__), step=done, steps=len(steps))

    def progress(phase: str, count: int, total: int) -> None:
        events.emit("progress", phase=phase, done=count, total=total)
        if stop.asked:
            raise TrainerError("interrupted", f"stopped while in phase {phase}")

    base = load_base(job.base, progress)
    keep_freed_memory()
    check_fits(job, base)
    trainer = Trainer(job, base)
    if done < len(steps):
        trainer.prepare(progress)
    trainer.begin(job.seed, len(steps))
    losses = checkpoint.losses if checkpoint else []
    if checkpoint:
        restore(trainer, checkpoint)
    head = chain_after(job, steps[:done])
    seen = sum(tokens_after(job, steps[:done]).values())

    def keep() -> None:
        write_checkpoint(folder, seal, job.digest, job.recipe.threads, trainer, head.hex(), losses)
        events.emit("checkpoint", step=len(losses))

    events.emit("progress", phase="train", done=done, total=len(steps))
    for number, step in enumerate(steps[done:], done + 1):
        began = time.monotonic()
        losses.append(round(trainer.step(step) * 1e6))
        head, tokens = chain_next(head, job, step), tokens_of(job, step)
        seen += tokens
        try:
            events.emit("step", step=number, steps=len(steps), loss_e6=losses[-1], tokens_total=seen,
                        tokens_per_second=round(tokens / max(time.monotonic() - began, 1e-6)), chain=head.hex())
        finally:
            if stop.asked or number % job.recipe.checkpoint_every == 0 or number == len(steps):
                keep()
        if stop.asked and number < len(steps):
            raise TrainerError("interrupted", f"stopped after step {number}")

    events.emit("progress", phase="export", done=0, total=1)
    files = export.result_files(base, job.recipe, trainer.network)
    write_atomic(folder / export.NAME, seal.seal(export.archive(files)))
    events.emit("progress", phase="export", done=1, total=1)
    last_pass = losses[-(len(steps) // job.recipe.passes):]
    events.emit(
        "finished", steps=len(steps), loss_e6=round(sum(last_pass) / len(last_pass)), chain=head.hex(),
        tokens={str(bundle): count for bundle, count in tokens_after(job, steps).items()},
        files=[{"name": n, "sha256": sha256(c), "size": len(c)} for n, c in files.items()],
        adapter_sha256=sha256(files["adapter_model.safetensors"]),
        optimizer_sha256=export.optimizer_digest(trainer.optimizer), base_float32_sha256=base.float32_sha256)
