"""The recipe: how to train, in integers only, so that two machines cannot read two numbers in one text.

A closed list: an unknown or missing field refuses the job. Ranges are wide but finite, so that a job
cannot ask for a run that has no end or no meaning.
"""
from dataclasses import dataclass

from .errors import TrainerError

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MILLION = 1_000_000

_RANGES = {
    "layers": (1, 512),                     # the upper N layers are adapted
    "rank": (1, 256),
    "alpha": (1, 4096),                     # the adapter's product is scaled by alpha / rank
    "learning_rate_e9": (1, 10**9),         # 4000000 is 0.004
    "batch": (1, 1024),                     # examples a step
    "passes": (1, 1000),                    # how often each example is trained on
    "warmup_ppm": (0, MILLION),             # share of the steps with a rising rate
    "weight_decay_e6": (0, MILLION),
    "clip_e6": (1, 1000 * MILLION),         # largest norm of a step's gradient
    "max_length": (2, 8192),                # a longer example refuses the job: nothing is cut off
    "checkpoint_every": (1, 10**6),         # steps
    "threads": (1, 1024),
}
_FIXED = {"format": "fairweight/recipe/v1", "method": "lora", "schedule": "cosine", "precision": "float32"}
_DISTILLATION = {"weight_e6": (1, 1000 * MILLION), "prompts_per_step": (1, 1024)}


@dataclass(frozen=True)
class Distillation:
    """Each step also holds the model to the base on some general answers: weight × KL(base ‖ model)."""
    weight_e6: int
    prompts_per_step: int


@dataclass(frozen=True)
class Recipe:
    layers: int
    rank: int
    alpha: int
    targets: tuple[str, ...]
    learning_rate_e9: int
    batch: int
    passes: int
    warmup_ppm: int
    weight_decay_e6: int
    clip_e6: int
    max_length: int
    checkpoint_every: int
    threads: int
    distillation: Distillation | None


def parse_recipe(value) -> Recipe:
    """Raises TrainerError `job-invalid`, naming the field."""
    fields(value, "recipe", (*_RANGES, *_FIXED, "targets", "distillation"))
    for name, expected in _FIXED.items():
        if value[name] != expected:
            raise TrainerError("job-invalid", f"recipe.{name} is not {expected}")
    targets = value["targets"]
    if type(targets) is not list or not targets or targets != [t for t in TARGETS if t in targets]:
        raise TrainerError("job-invalid", "recipe.targets is not a list of the seven projections in their order")
    numbers = {name: integer(value[name], f"recipe.{name}", *limits) for name, limits in _RANGES.items()}
    return Recipe(targets=tuple(targets), distillation=_parse_distillation(value["distillation"]), **numbers)


def _parse_distillation(value) -> Distillation | None:
    if value is None:
        return None
    fields(value, "recipe.distillation", _DISTILLATION)
    return Distillation(**{n: integer(value[n], f"recipe.distillation.{n}", *r) for n, r in _DISTILLATION.items()})


def fields(value, where: str, names) -> None:
    """`value` is an object with exactly these fields."""
    if type(value) is not dict:
        raise TrainerError("job-invalid", f"{where} is not an object")
    for name in names:
        if name not in value:
            raise TrainerError("job-invalid", f"{where}.{name} is missing")
    if len(value) != len(tuple(names)):
        raise TrainerError("job-invalid", f"{where} has a field that is not in the list")


def integer(value, where: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise TrainerError("job-invalid", f"{where} is not an integer from {low} to {high}")
    return value
