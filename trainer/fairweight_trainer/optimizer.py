"""torch's AdamW and the recipe's learning rate, and their state as tensors and plain data for a model checkpoint."""
import math

import torch
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from .recipe import MILLION, Recipe


BETAS, EPSILON = (0.9, 0.999), 1e-8


def make_optimizer(parameters: list[torch.nn.Parameter], recipe: Recipe, steps: int) -> tuple[AdamW, LambdaLR]:
    warmup = math.ceil(steps * recipe.warmup_ppm / MILLION)

    def share(step: int) -> float:
        """Of the top rate, for step 0, 1, …: rises linearly over the warm-up's steps, then half a cosine down to 0."""
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    optimizer = AdamW(parameters, lr=recipe.learning_rate_e9 / 1e9, betas=BETAS, eps=EPSILON,
                      weight_decay=recipe.weight_decay_e6 / MILLION)
    return optimizer, LambdaLR(optimizer, share)


def functional_step(values: torch.Tensor, gradient: torch.Tensor, mean: torch.Tensor, square: torch.Tensor,
                    number: int, rate: float, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Step `number` = 1, 2, … of clipping and AdamW as a function that autograd can go back through.

    (values, mean, square) after it. A test holds it against torch's own.
    """
    clipped = gradient * (recipe.clip_e6 / MILLION / (gradient.norm() + 1e-6)).clamp(max=1)
    mean = BETAS[0] * mean + (1 - BETAS[0]) * clipped
    square = BETAS[1] * square + (1 - BETAS[1]) * clipped ** 2
    # Where a gradient was always 0 (A, while B is 0) the root has no derivative, and its value none either.
    moved = square > 0
    root = torch.where(moved, torch.where(moved, square, 1).sqrt(), 0) / math.sqrt(1 - BETAS[1] ** number)
    step = mean / (root + EPSILON) / (1 - BETAS[0] ** number)
    return values * (1 - rate * recipe.weight_decay_e6 / MILLION) - rate * step, mean, square


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
