"""torch's AdamW and the recipe's learning rate, and their state as tensors and plain data for a model checkpoint."""
import math

import torch
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from .recipe import MILLION, Recipe


def make_optimizer(parameters: list[torch.nn.Parameter], recipe: Recipe, steps: int) -> tuple[AdamW, LambdaLR]:
    warmup = math.ceil(steps * recipe.warmup_ppm / MILLION)

    def share(step: int) -> float:
        """Of the top rate, for step 0, 1, …: rises linearly over the warm-up's steps, then half a cosine down to 0."""
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    optimizer = AdamW(parameters, lr=recipe.learning_rate_e9 / 1e9, betas=(0.9, 0.999), eps=1e-8,
                      weight_decay=recipe.weight_decay_e6 / MILLION)
    return optimizer, LambdaLR(optimizer, share)


def moments(optimizer: AdamW) -> dict[str, torch.Tensor]:
    """The state of parameter 0, 1, … under `0.exp_avg`, `0.exp_avg_sq`, `0.step`, …"""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": t for number, tensors in state.items() for name, t in tensors.items()}


def load_optimizer(optimizer: AdamW, groups: list[dict], tensors: dict[str, torch.Tensor]) -> None:
    """`groups` as in the optimiser's own state, `tensors` as `moments` gave them."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".")
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups})
