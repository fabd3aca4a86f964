"""How well the network picks the right answer: the log-probability of each whole answer to each question.

A question's prompt runs through the layers once, with its answers behind it; each answer sees the prompt and
itself. The base's part of that, the lower layers, is computed once for all coalitions.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .base import Base
from .coalition_job import Question
from .errors import TrainerError
from .model import logits
from .pack import LOWER_TOKENS, groups, mask_of
from .train import Trainer

# Tokens a pack when the upper layers and the head run. Attention's cost grows with the square, the rest is quicker in
# larger ones.
SCORE_TOKENS = 384


@dataclass(frozen=True)
class QuestionPack:
    """As a Pack; label j is predicted by rows[reads[j]] and belongs to answer `owners[j]`, counted over the pack."""
    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    rows: torch.Tensor
    reads: torch.Tensor
    labels: torch.Tensor
    owners: torch.Tensor
    answers: int
    cuts: tuple[slice, ...]


def length(question: Question) -> int:
    """Tokens in a pack, the shared beginning included: an answer's last token is predicted, and predicts nothing."""
    return len(question.ids) + sum(len(c) - 1 for c in question.candidates)


def pack_questions(questions: list[Question], prefix: int) -> QuestionPack:
    ids, positions = list(questions[0].ids[:prefix]), list(range(prefix))
    # Of each token: its question, and its answer; -1 for the shared beginning and for a prompt.
    question_of, answer_of = [-1] * prefix, [-1] * prefix
    rows, reads, labels, owners, cuts = [], [], [], [], []
    answers = 0
    for number, question in enumerate(questions):
        start, prompt = len(ids), len(question.ids)
        ids += question.ids[prefix:]
        positions += range(prefix, prompt)
        answer_of += [-1] * (prompt - prefix)
        first = len(rows)
        rows.append(len(ids) - 1)
        for candidate in question.candidates:
            reads += [first, *range(len(rows), len(rows) + len(candidate) - 1)]
            rows += range(len(ids), len(ids) + len(candidate) - 1)
            ids += candidate[:-1]
            positions += range(prompt, prompt + len(candidate) - 1)
            answer_of += [answers] * (len(candidate) - 1)
            labels += candidate
            owners += [answers] * len(candidate)
            answers += 1
        question_of += [number] * (len(ids) - start)
        cuts.append(slice(start, len(ids)))
    q, a = torch.tensor(question_of), torch.tensor(answer_of)
    own = (q[None, :] == -1) | (q[None, :] == q[:, None]) & ((a[None, :] == -1) | (a[None, :] == a[:, None]))
    return QuestionPack(torch.tensor(ids), torch.tensor(positions), mask_of(own), torch.tensor(rows),
                        torch.tensor(reads), torch.tensor(labels), torch.tensor(owners), answers, tuple(cuts))


def check_questions_fit(questions: tuple[Question, ...], base: Base) -> None:
    """What questions can only be refused for once the base is known."""
    for i, question in enumerate(questions):
        if max(map(max, (question.ids, *question.candidates))) >= base.shape.vocabulary:
            raise TrainerError("job-invalid", f"questions[{i}] has a token the base does not have")


class Scorer:
    """Call `prepare` once; then `scores` says what the trainer's network, as it is, thinks of every answer."""

    def __init__(self, trainer: Trainer, questions: tuple[Question, ...]):
        self._trainer = trainer
        self._questions = questions
        self._states: list[torch.Tensor] = []
        self._packs: list[tuple[QuestionPack, list[int]]] = []

    @torch.no_grad()
    def prepare(self, progress) -> None:
        """Before the trainer has begun a run, or after: the lower layers are the base's."""
        trainer, lengths = self._trainer, [length(q) for q in self._questions]
        for group in groups(lengths, trainer.prefix, LOWER_TOKENS):
            progress("cache", group[0], len(lengths))
            p = pack_questions([self._questions[i] for i in group], trainer.prefix)
            hidden = trainer.lower(p)
            self._states += [hidden[cut].clone() for cut in p.cuts]
        progress("cache", len(lengths), len(lengths))
        for group in groups(lengths, trainer.prefix, SCORE_TOKENS):
            self._packs.append((pack_questions([self._questions[i] for i in group], trainer.prefix), group))

    @torch.no_grad()
    def scores(self) -> list[list[float]]:
        """Per question and candidate: the sum of its tokens' log-probabilities, in nats."""
        return [scores.tolist() for pack, group in self._packs for scores in self._by_question(pack, group)]

    def gather_utility(self, temperature: float) -> tuple[float, list[list[float]]]:
        """Adds the utility's gradient to the parameters'. Returns it, and the scores.

        It is the mean over the questions of the log-probability with which the right answer is chosen, when scores are
        divided by `temperature`.
        """
        total, scores = 0.0, []
        for pack, group in self._packs:
            each = self._by_question(pack, group)
            utility = torch.stack([F.log_softmax(s / temperature, 0)[0] for s in each]).sum() / len(self._questions)
            utility.backward()
            total += float(utility.detach())
            scores += [s.tolist() for s in each]
        return total, scores

    def _by_question(self, p: QuestionPack, group: list[int]) -> tuple[torch.Tensor, ...]:
        """The scores of each question of a pack, in float64."""
        trainer = self._trainer
        final = trainer.upper(p, trainer.with_prefix([self._states[i] for i in group]))
        given = F.log_softmax(logits(trainer.llama, final), -1)[p.reads, p.labels]
        scores = torch.zeros(p.answers, dtype=torch.float64).index_add(0, p.owners, given.double())
        return scores.split([len(self._questions[i].candidates) for i in group])
