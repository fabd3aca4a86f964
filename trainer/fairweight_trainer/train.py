"""Training: lower layers once, then step after step on packs of what they gave (spec/trainer-job.md, "The run").

The loss of a step is the mean cross-entropy over its answers' tokens, plus, with distillation, weight ×
the mean over its general answers' tokens of KL(base ‖ model). Nothing is drawn at random after the start.
"""
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


def fix_arithmetic(threads: int) -> None:
    """The same bits from the same image on the same class of machine. Once a process, before any tensor."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")


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
        clip_grad_norm_(self.trained, self._job.recipe.clip_e6 / MILLION)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return loss

    def gather(self, step: Step) -> float:
        """Adds the step's gradient to the parameters', in packs of bounded size. Returns the answer loss."""
        job, lower = self._job, self._lower
        parts = [(job.examples[i], lower.examples[i], None) for i in step.examples]
        parts += [(job.general[i], lower.general[i], lower.teacher[i]) for i in step.general]
        answers = sum(len(e.ids) - e.answer_from for e, _, t in parts if t is None)
        general = sum(len(e.ids) - e.answer_from for e, _, t in parts if t is not None)
        total = 0.0
        for group in groups([len(e.ids) for e, _, _ in parts], self.prefix, UPPER_TOKENS):
            chosen = [parts[i] for i in group]
            answer_loss, loss = self._losses(chosen, answers, general)
            loss.backward()
            total += answer_loss
        return total

    def _losses(self, chosen, answers: int, general: int):
        """(sum of the pack's answer losses / answers, the pack's share of the step's whole loss)."""
        examples = [e for e, _, _ in chosen]
        p = pack(examples, self.prefix)
        final = self.upper(p, self.with_prefix([h for _, h, _ in chosen]))
        learnt = [p.answers[i] for i, (_, _, t) in enumerate(chosen) if t is None]
        kept = [p.answers[i] for i, (_, _, t) in enumerate(chosen) if t is not None]
        end = learnt[-1].stop if learnt else 0
        loss = torch.zeros(())
        if learnt:
            loss = F.cross_entropy(logits(self.llama, final[:end]), p.labels[:end], reduction="sum") / answers
        answer_loss = float(loss.detach())
        if kept:
            wanted = torch.cat([t for _, _, t in chosen if t is not None])
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
