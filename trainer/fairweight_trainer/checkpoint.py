"""Model checkpoints: all that a run needs to go on as if nothing had happened, in one sealed file.

A safetensors blob under the key's MAC: the adapter's and the optimiser's tensors, and one metadata entry
with the step, what the run was, and the plain numbers of the optimiser and the schedule. There is no
generator state to keep, since nothing is drawn after the start; the chain head and the token counts follow
from the plan and are compared, not trusted.
"""
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import peft
import torch
import transformers
from peft import set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load, save

from .errors import TrainerError
from .model import adapter_tensors
from .optimizer import load_optimizer, moments
from .seal import Seal, write_atomic
from .train import Trainer

FORMAT = "fairweight/checkpoint/v1"
NAME = "checkpoint.age"
_ADAPTER, _MOMENTS = "adapter/", "optimizer/"


@dataclass(frozen=True)
class Checkpoint:
    """State after `step` steps. `losses`: of the steps so far, times a million, rounded."""
    step: int
    chain: str
    losses: list[int]
    groups: list[dict]
    schedule: dict
    tensors: dict[str, torch.Tensor]


def environment(threads: int) -> str:
    """Bits are promised within one of these; a checkpoint from another is refused."""
    libraries = f"torch {torch.__version__} transformers {transformers.__version__} peft {peft.__version__}"
    return f"{libraries} {torch.backends.cpu.get_cpu_capability()} threads {threads}"


def write_checkpoint(folder: Path, seal: Seal, job_digest: bytes, threads: int, trainer: Trainer, chain: str,
                     losses: list[int]) -> None:
    state = {"format": FORMAT, "job_sha256": job_digest.hex(), "environment": environment(threads),
             "step": len(losses), "chain": chain, "losses": losses,
             "groups": trainer.optimizer.state_dict()["param_groups"], "schedule": trainer.schedule.state_dict()}
    tensors = {_ADAPTER + name: t for name, t in adapter_tensors(trainer.network).items()}
    tensors |= {_MOMENTS + name: t for name, t in moments(trainer.optimizer).items()}
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
    return Checkpoint(state["step"], state["chain"], state["losses"], state["groups"], state["schedule"], tensors)


def restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    set_peft_model_state_dict(trainer.network, _under(_ADAPTER, checkpoint.tensors))
    load_optimizer(trainer.optimizer, checkpoint.groups, _under(_MOMENTS, checkpoint.tensors))
    trainer.schedule.load_state_dict(checkpoint.schedule)


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _metadata(blob: bytes) -> dict:
    (length,) = struct.unpack("<Q", blob[:8])
    return json.loads(blob[8:8 + length])["__metadata__"]
