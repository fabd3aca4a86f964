"""Packs: several dialogues behind each other without padding, none of which can see another.

What all dialogues of a job begin with (the system prompt, as a rule) is in a pack once, at its front,
and every dialogue sees it: the same numbers as if each carried its own copy, for less work.
"""
from dataclasses import dataclass

import torch

from .job import Example

# Tokens a pack. Attention's cost grows with the square of it, every other product is quicker in larger ones.
# Measured on two AVX2 cores: short packs are best where many layers run, one pack a step where few do.
LOWER_TOKENS, UPPER_TOKENS = 384, 1024


@dataclass(frozen=True)
class Pack:
    """Row r is one token. rows[j] is the row whose output predicts labels[j]; `cuts[i]` are example i's rows."""
    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    rows: torch.Tensor
    labels: torch.Tensor
    cuts: tuple[slice, ...]
    answers: tuple[slice, ...]


def shared_prefix(examples) -> int:
    """How many tokens all dialogues begin with. It ends before the token that predicts any first answer token.

    `examples`: whatever has `ids` and `answer_from`.
    """
    shared = min(e.answer_from for e in examples) - 1
    first = examples[0].ids
    for example in examples:
        shared = next((i for i in range(shared) if example.ids[i] != first[i]), shared)
    return shared


def pack(examples: list[Example], prefix: int) -> Pack:
    ids, positions, owner = list(examples[0].ids[:prefix]), list(range(prefix)), [-1] * prefix
    rows, labels, cuts, answers = [], [], [], []
    for number, example in enumerate(examples):
        start = len(ids)
        ids += example.ids[prefix:]
        positions += range(prefix, len(example.ids))
        owner += [number] * (len(example.ids) - prefix)
        cuts.append(slice(start, len(ids)))
        answers.append(slice(len(rows), len(rows) + len(example.ids) - example.answer_from))
        rows += range(start - prefix + example.answer_from - 1, len(ids) - 1)
        labels += example.ids[example.answer_from:]
    owner = torch.tensor(owner)
    own = (owner[None, :] == owner[:, None]) | (owner[None, :] == -1)
    return Pack(torch.tensor(ids), torch.tensor(positions), mask_of(own), torch.tensor(rows), torch.tensor(labels),
                tuple(cuts), tuple(answers))


def mask_of(own: torch.Tensor) -> torch.Tensor:
    """A token sees itself and what comes before it, of that where `own` is true: its dialogue and the shared beginning."""
    at = torch.arange(len(own))
    return torch.zeros(own.shape).masked_fill_(~own | (at[None, :] > at[:, None]), float("-inf"))


def groups(lengths: list[int], prefix: int, limit: int) -> list[list[int]]:
    """Indices in their order, cut into packs of at most `limit` tokens (one dialogue may be longer)."""
    found, size = [[]], prefix
    for index, length in enumerate(lengths):
        if found[-1] and size + length - prefix > limit:
            found.append([])
            size = prefix
        found[-1].append(index)
        size += length - prefix
    return found
