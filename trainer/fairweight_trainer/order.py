"""Which examples make which step, and the hash chain that proves it (spec/trainer-job.md, "Order", "Chain").

No generator of random numbers: an order is a sort by SHA-256 over the seed and what is sorted, so every
platform and every language gets the same one.
"""
import hashlib
from dataclasses import dataclass

from .job import Example, Job, Material

_ORDER = b"fairweight/order/v1\0"
_GENERAL_ORDER = b"fairweight/general-order/v1\0"
_CHAIN = b"fairweight/batches/v1\0"


@dataclass(frozen=True)
class Step:
    """Indices into job.examples and job.general, in the order they are trained on."""
    examples: tuple[int, ...]
    general: tuple[int, ...]


def plan(job: Material, seed: int, chosen: frozenset[int] | None = None) -> list[Step]:
    """Every step of the run. A pass takes each example once; its last step may be smaller.

    `chosen`: a run of these examples alone, in the order that they have in the run of all.
    """
    batch = job.recipe.batch
    count = len(job.examples) if chosen is None else len(chosen)
    per_pass = -(-count // batch)
    distillation = job.recipe.distillation
    wanted = distillation.prompts_per_step * per_pass * job.recipe.passes if distillation else 0
    general: list[int] = []
    while len(general) < wanted:
        general += shuffled(_GENERAL_ORDER, seed, len(general) // len(job.general), job.general)
    steps = []
    for number in range(job.recipe.passes):
        order = shuffled(_ORDER, seed, number, job.examples)
        if chosen is not None:
            order = [i for i in order if i in chosen]
        for start in range(0, len(order), batch):
            k = len(steps) * (distillation.prompts_per_step if distillation else 0)
            some = general[k:k + distillation.prompts_per_step] if distillation else []
            steps.append(Step(tuple(order[start:start + batch]), tuple(some)))
    return steps


def shuffled(domain: bytes, seed: int, number: int, examples: tuple[Example, ...]) -> list[int]:
    """Indices sorted by SHA-256(domain ‖ seed as 8 bytes ‖ number as 4 bytes ‖ commitment), big endian."""
    prefix = domain + seed.to_bytes(8, "big") + number.to_bytes(4, "big")
    return sorted(range(len(examples)), key=lambda i: hashlib.sha256(prefix + examples[i].commitment).digest())


def chain_start(job: Job) -> bytes:
    return hashlib.sha256(_CHAIN + job.digest).digest()


def chain_next(head: bytes, job: Job, step: Step) -> bytes:
    commitments = [job.examples[i].commitment for i in step.examples]
    commitments += [job.general[i].commitment for i in step.general]
    return hashlib.sha256(head + b"".join(commitments)).digest()


def chain_after(job: Job, steps: list[Step]) -> bytes:
    head = chain_start(job)
    for step in steps:
        head = chain_next(head, job, step)
    return head


def tokens_after(job: Material, steps: list[Step]) -> dict[int, int]:
    """Tokens trained on, by bundle (-1: general): whole dialogues, counted each time they are seen."""
    tokens: dict[int, int] = {}
    for step in steps:
        for example in [job.examples[i] for i in step.examples] + [job.general[i] for i in step.general]:
            tokens[example.bundle] = tokens.get(example.bundle, 0) + len(example.ids)
    return dict(sorted(tokens.items()))
