"""Model checkpoints: all that a run needs to go on as if nothing had happened, in one sealed file.

A safetensors blob under the key's MAC: the adapter and the optimiser's two moments as flat vectors, and
one metadata entry with the step and what the run was. There is no generator state to keep, since nothing
is drawn; the chain head and the token counts follow from the plan and are compared, not trusted.
"""
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from .errors import TrainerError
from .optimizer import AdamW
from .seal import Seal, write_atomic

FORMAT = "fairweight/checkpoint/v1"
NAME = "checkpoint.age"


@dataclass(frozen=True)
class Checkpoint:
    """State after `step` steps. `losses`: of the steps so far, times a million, rounded."""
    step: int
    chain: str
    losses: list[int]
    tensors: dict[str, torch.Tensor]


def environment(threads: int) -> str:
    """Bits are promised within one of these; a checkpoint from another is refused."""
    return f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()} threads {threads}"


def write_checkpoint(folder: Path, seal: Seal, job_digest: bytes, threads: int, optimizer: AdamW, chain: str,
                     losses: list[int]) -> None:
    state = {"format": FORMAT, "job_sha256": job_digest.hex(), "environment": environment(threads),
             "step": optimizer.step_count, "chain": chain, "losses": losses}
    tensors = {"values": optimizer.values, "first": optimizer.first, "second": optimizer.second}
    write_atomic(folder / NAME, seal.seal_own(save(tensors, {"state": json.dumps(state)})))


def read_checkpoint(folder: Path, seal: Seal, job_digest: bytes, threads: int) -> Checkpoint | None:
    """None when there is none. Raises TrainerError `checkpoint-refused` for any but this job's own."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        blob = seal.open_own(path.read_bytes())
        state = json.loads(_metadata(blob)["state"])
        tensors = load(blob)
    except (OSError, ValueError, KeyError, SafetensorError):
        raise TrainerError("checkpoint-refused", "checkpoint.age was not written under this key") from None
    expected = {"format": FORMAT, "job_sha256": job_digest.hex(), "environment": environment(threads)}
    for name, value in expected.items():
        if state.get(name) != value:
            raise TrainerError("checkpoint-refused", f"checkpoint.age was written with another {name}")
    return Checkpoint(state["step"], state["chain"], state["losses"], tensors)


def restore(optimizer: AdamW, checkpoint: Checkpoint) -> None:
    for name in ("values", "first", "second"):
        getattr(optimizer, name).copy_(checkpoint.tensors[name])
    optimizer.step_count = checkpoint.step


def _metadata(blob: bytes) -> dict:
    (length,) = struct.unpack("<Q", blob[:8])
    return json.loads(blob[8:8 + length])["__metadata__"]
