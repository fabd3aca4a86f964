"""What each player's data did for the utility, from one run: the derivative by the weight of its loss.

A run is replayed backwards: the utility's gradient goes back through every update as AdamW made it, and what of it
meets a player's gradient on the way is that player's. It answers "a little more of this data", not "none of it":
once a run has fitted its data the two differ, so a caller looks at the last pass's loss before it believes this.
AdamW's first update follows the signs of gradients alone, and a sign that turns has no derivative: what a player does
through the first two updates is seen in part only. A warm-up keeps them small.
"""
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from .errors import TrainerError
from .optimizer import functional_step
from .order import Step
from .questions import Scorer
from .recipe import Recipe
from .train import Trainer

# Of all kept states together. Rank 8 on six layers of a 135 M model keeps 8 MB a step.
TAPE_BYTES = 4 << 30


@dataclass(frozen=True)
class Kept:
    """What update `number` = 1, 2, … of a run started from, each as one vector, and its rate."""
    number: int
    values: torch.Tensor
    gradient: torch.Tensor
    mean: torch.Tensor
    square: torch.Tensor
    rate: float


class Tape:
    """Call `step` for each step of a run that has begun, or for its last ones; then `slopes` once."""

    def __init__(self, trainer: Trainer, recipe: Recipe, steps: int):
        self._trainer = trainer
        self._recipe = recipe
        self._kept: list[tuple[Step, Kept]] = []
        if 4 * 4 * steps * sum(p.numel() for p in trainer.trained) > TAPE_BYTES:
            raise TrainerError("request-invalid", "the run is too long to be replayed in memory")

    def step(self, step: Step) -> float:
        """As the trainer's own, to the bit."""
        trainer, state = self._trainer, self._trainer.optimizer.state
        number = 1 + int(state[trainer.trained[0]].get("step", 0))
        values = _flat(trainer.trained)
        moments = [_flat([state[p][name] if state[p] else torch.zeros_like(p) for p in trainer.trained])
                   for name in ("exp_avg", "exp_avg_sq")]
        loss = trainer.gather(step)
        gradient = _flat([p.grad for p in trainer.trained])
        rate = trainer.optimizer.param_groups[0]["lr"]
        self._kept.append((step, Kept(number, values, gradient, *moments, rate)))
        trainer.update()
        return loss

    def slopes(self, scorer: Scorer, temperature: float, owner: list[int], players: int,
               back) -> tuple[list[list[float]], float, list[float]]:
        """(scores, utility, its derivative by each player's weight). `owner`: the player of each example of the job; of
        those that were not trained on, any.

        Leaves the network at its start. back(done) is called after each step.
        """
        trainer = self._trainer
        utility, scores = scorer.gather_utility(temperature)
        adjoint = self._taken_gradient()
        mean, square = torch.zeros_like(adjoint), torch.zeros_like(adjoint)
        slopes = torch.zeros(players, dtype=torch.float64)
        while self._kept:
            step, kept = self._kept.pop()
            adjoint, towards, mean, square = self._through_update(kept, adjoint, mean, square)
            _put(trainer.trained, kept.values)
            curved, found = self._through_gradient(step, owner, players, towards)
            adjoint = adjoint + curved
            slopes += found
            back(len(self._kept))
        return scores, utility, slopes.tolist()

    def _through_update(self, kept: Kept, *adjoints: torch.Tensor):
        """From what the values and moments after an update are worth, to values, gradient and moments before it."""
        start = [t.requires_grad_() for t in (kept.values, kept.gradient, kept.mean, kept.square)]
        after = functional_step(*start, kept.number, kept.rate, self._recipe)
        return torch.autograd.grad(after, start, adjoints)

    def _through_gradient(self, step: Step, owner: list[int], players: int, towards: torch.Tensor):
        """The derivatives of <towards, gradient of the step's loss>, by the values and by the players' weights."""
        trained = self._trainer.trained
        weights = torch.ones(players, requires_grad=True)
        curved, found = torch.zeros_like(towards), torch.zeros(players, dtype=torch.float64)
        # The quick kernel's backward has no derivative of its own.
        with sdpa_kernel(SDPBackend.MATH):
            for _, loss in self._trainer.losses(step, [weights[player] for player in owner]):
                gradients = torch.autograd.grad(loss, trained, create_graph=True)
                along = torch.dot(torch.cat([g.reshape(-1) for g in gradients]), towards)
                *by_values, by_weights = torch.autograd.grad(along, [*trained, weights])
                curved += _flat(by_values)
                found += by_weights
        return curved, found

    def _taken_gradient(self) -> torch.Tensor:
        gradient = _flat([p.grad for p in self._trainer.trained])
        self._trainer.optimizer.zero_grad()
        return gradient


def _flat(tensors) -> torch.Tensor:
    return torch.cat([t.detach().reshape(-1) for t in tensors])


@torch.no_grad()
def _put(parameters, values: torch.Tensor) -> None:
    at = 0
    for p in parameters:
        p.copy_(values[at:at + p.numel()].view_as(p))
        at += p.numel()
