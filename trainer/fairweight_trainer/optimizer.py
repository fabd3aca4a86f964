"""AdamW (Loshchilov and Hutter, decoupled weight decay) over one flat vector, with clipping and a cosine rate.

The numbers are those of torch.optim.AdamW and clip_grad_norm_ (a test compares them); this form starts
two seconds sooner and keeps its state in two tensors.
"""
import math

import torch

from .recipe import MILLION, Recipe

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class AdamW:
    """Takes the named tensors over: their storage becomes slices of `values`, their gradients of `gradient`."""

    def __init__(self, named: dict[str, torch.Tensor], recipe: Recipe, steps: int):
        self._recipe, self._steps = recipe, steps
        self.step_count = 0
        self.values = torch.cat([t.detach().reshape(-1) for t in named.values()])
        self.gradient = torch.zeros_like(self.values)
        self.first = torch.zeros_like(self.values)
        self.second = torch.zeros_like(self.values)
        start = 0
        for tensor in named.values():
            part = slice(start, start + tensor.numel())
            tensor.data = self.values[part].view(tensor.shape)
            tensor.grad = self.gradient[part].view(tensor.shape)
            start = part.stop

    def rate(self, step: int) -> float:
        """Learning rate of step 0, 1, …: rises linearly over the warm-up's steps, then half a cosine down to 0."""
        top = self._recipe.learning_rate_e9 / 1e9
        warmup = math.ceil(self._steps * self._recipe.warmup_ppm / MILLION)
        if step < warmup:
            return top * (step + 1) / warmup
        return top * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, self._steps - warmup)))

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradient gathered since the last, which is then cleared."""
        rate = self.rate(self.step_count)
        self.step_count += 1
        norm = torch.linalg.vector_norm(self.gradient)
        self.gradient.mul_(torch.clamp(self._recipe.clip_e6 / MILLION / (norm + 1e-6), max=1.0))
        self.values.mul_(1 - rate * self._recipe.weight_decay_e6 / MILLION)
        self.first.lerp_(self.gradient, 1 - BETA1)
        self.second.mul_(BETA2).addcmul_(self.gradient, self.gradient, value=1 - BETA2)
        size = rate / (1 - BETA1**self.step_count)
        spread = (self.second.sqrt() / math.sqrt(1 - BETA2**self.step_count)).add_(EPSILON)
        self.values.addcdiv_(self.first, spread, value=-size)
        self.gradient.zero_()
