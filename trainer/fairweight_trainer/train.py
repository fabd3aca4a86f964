"""Training: lower layers once, then step after step on packs of what they gave (spec/trainer-job.md, "The run").

The loss of a step is the mean cross-entropy over its answers' tokens, plus, with distillation, weight ×
the mean over its general answers' tokens of KL(base ‖ model). Nothing is drawn at random after the start.
"""
import ctypes
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from peft import PeftModel
from torch.nn.utils import clip_grad_norm_

from .base import Base
from .errors import TrainerError
from .job import Example, Material
from .model import adapted, llama, logits, run_layers
from .optimizer import make_optimizer
from .order import Step
from .pack import LOWER_TOKENS, UPPER_TOKENS, Pack, groups, pack, shared_prefix
from .recipe import MILLION

# Up to this size the base's distributions over the general answers are kept; else its last states, and each step
# computes the distributions again.
TEACHER_BYTES = 1 << 30
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def fix_arithmetic(threads: int) -> None:
    """The same bits from the same image on the same class of machine. Once a process, before any tensor."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")


def keep_freed_memory() -> None:
    """A step takes and frees the same tens of megabytes again and again: what stays with the process is not cleared by
    the kernel each time (a tenth of a step, measured). Once the base is loaded, so that what loading took goes back."""
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):
        pass  # Not glibc: slower, and the same bits.


def check_fits(job: Material, base: Base) -> None:
    """What a job can only be refused for once the base is known."""
    for where, part in (("examples", job.examples), ("general", job.general)):
        for i, example in enumerate(part):
            if max(example.ids) >= base.shape.vocabulary:
                raise TrainerError("job-invalid", f"{where}[{i}].ids has a token the base does not have")
    if job.recipe.layers > base.shape.layers:
        raise TrainerError("job-invalid", "recipe.layers is more than the base has")
    if job.recipe.max_length > base.shape.context:
        raise TrainerError("job-invalid", "recipe.max_length is more than the base's context")


@dataclass
class Lower:
    """What never changes in a run: the states that enter the first adapted layer, and what the base itself says.

    `teacher`: per general example (answer tokens, vocabulary) log-probabilities, or (answer tokens, width) states.
    """
    prefix: torch.Tensor
    examples: list[torch.Tensor]
    general: list[torch.Tensor]
    teacher: list[torch.Tensor]


@dataclass(frozen=True)
class _Part:
    """One dialogue of a step. `teacher`: what the base says of its answer, where it is general text."""
    example: Example
    states: torch.Tensor
    teacher: torch.Tensor | None
    weight: torch.Tensor | None

    @property
    def answer(self) -> int:
        return len(self.example.ids) - self.example.answer_from


class Trainer:
    """Call `prepare` once, then `begin` for each run, and `step` for each step of its plan.

    `dialogues`: what else will run through the network, so that it shares the same beginning.
    """

    def __init__(self, job: Material, base: Base, dialogues=()):
        self._job = job
        self.prefix = shared_prefix([*job.examples, *job.general, *dialogues])
        self.llama = llama(base)
        self._lower_layers = slice(base.shape.layers - job.recipe.layers)
        self._upper_layers = slice(self._lower_layers.stop, None)
        self._lower: Lower | None = None
        self.network: PeftModel | None = None
        answers = sum(len(e.ids) - e.answer_from for e in job.general)
        self._keep_teacher = 4 * answers * base.shape.vocabulary <= TEACHER_BYTES

    @torch.no_grad()
    def prepare(self, progress) -> None:
        """Runs the lower layers over every example, and the base's upper ones over the general text."""
        everything = list(self._job.examples + self._job.general)
        split = len(self._job.examples)
        states: list[torch.Tensor] = []
        teacher: list[torch.Tensor] = []
        prefix = torch.empty(0, self.llama.config.hidden_size)
        for group in groups([len(e.ids) for e in everything], self.prefix, LOWER_TOKENS):
            progress("cache", group[0], len(everything))
            p = pack([everything[i] for i in group], self.prefix)
            hidden = self.lower(p)
            prefix = hidden[:self.prefix].clone() if group[0] == 0 else prefix
            states += [hidden[cut].clone() for cut in p.cuts]
            if group[-1] >= split:
                final = self.upper(p, hidden)
                teacher += [self._teacher(final[a]) for i, a in zip(group, p.answers) if i >= split]
        progress("cache", len(everything), len(everything))
        self._lower = Lower(prefix, states[:split], states[split:], teacher)

    def begin(self, seed: int, steps: int) -> None:
        """Start values, optimiser and schedule as new: nothing is left of a run before."""
        if self.network is not None:
            self.network.unload()
        self.network = adapted(self.llama, self._job.recipe, seed)
        self.trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer, self.schedule = make_optimizer(self.trained, self._job.recipe, steps)

    def step(self, step: Step) -> float:
        """One update. Returns the step's answer loss before it, in nats a token."""
        loss = self.gather(step)
        self.update()
        return loss

    def gather(self, step: Step) -> float:
        """Adds the step's gradient to the parameters'. Returns the answer loss."""
        total = 0.0
        for answer_loss, loss in self.losses(step):
            loss.backward()
            total += answer_loss
        return total

    def update(self) -> None:
        clip_grad_norm_(self.trained, self._job.recipe.clip_e6 / MILLION)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()

    def losses(self, step: Step, weights: list[torch.Tensor] | None = None):
        """In packs of bounded size: (the pack's share of the answer loss, its share of the step's whole loss).

        `weights`: by what factor each example of the job counts in the second.
        """
        job, lower = self._job, self._lower
        parts = [_Part(job.examples[i], lower.examples[i], None, None if weights is None else weights[i])
                 for i in step.examples]
        parts += [_Part(job.general[i], lower.general[i], lower.teacher[i], None) for i in step.general]
        answers = sum(p.answer for p in parts if p.teacher is None)
        general = sum(p.answer for p in parts if p.teacher is not None)
        for group in groups([len(p.example.ids) for p in parts], self.prefix, UPPER_TOKENS):
            yield self._losses([parts[i] for i in group], answers, general)

    def _losses(self, parts: list[_Part], answers: int, general: int):
        p = pack([part.example for part in parts], self.prefix)
        final = self.upper(p, self.with_prefix([part.states for part in parts]))
        learnt, kept = [q for q in parts if q.teacher is None], [q for q in parts if q.teacher is not None]
        end = sum(q.answer for q in learnt)
        answer_loss, loss = 0.0, torch.zeros(())
        if learnt:
            given = logits(self.llama, final[:end])
            if learnt[0].weight is None:
                loss = F.cross_entropy(given, p.labels[:end], reduction="sum") / answers
            else:
                each = F.cross_entropy(given, p.labels[:end], reduction="none") / answers
                loss = torch.stack([q.weight * each[a].sum() for q, a in zip(learnt, p.answers)]).sum()
            answer_loss = float(loss.detach())
        if kept:
            wanted = torch.cat([q.teacher for q in kept])
            if not self._keep_teacher:
                wanted = self._distribution(wanted)
            given = F.log_softmax(logits(self.llama, final[end:]), -1)
            weight = self._job.recipe.distillation.weight_e6 / MILLION
            loss = loss + weight / general * F.kl_div(given, wanted, reduction="sum", log_target=True)
        return answer_loss, loss

    def _teacher(self, final: torch.Tensor) -> torch.Tensor:
        return self._distribution(final) if self._keep_teacher else final.clone()

    @torch.no_grad()
    def _distribution(self, final: torch.Tensor) -> torch.Tensor:
        return F.log_softmax(logits(self.llama, final), -1)

    def lower(self, p: Pack) -> torch.Tensor:
        """The states that enter the first adapted layer. Nothing of a run changes them."""
        return run_layers(self.llama, self._lower_layers, self.llama.model.embed_tokens(p.ids), p)

    def with_prefix(self, states: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([self._lower.prefix, *states])

    def upper(self, p: Pack, hidden: torch.Tensor) -> torch.Tensor:
        """What the last layer gives for the pack's rows."""
        return run_layers(self.llama, self._upper_layers, hidden, p, p.rows)


def tokens_of(job: Material, step: Step) -> int:
    """Whole dialogues, general ones included: what the step's speed is measured in."""
    chosen: list[Example] = [job.examples[i] for i in step.examples] + [job.general[i] for i in step.general]
    return sum(len(e.ids) for e in chosen)
