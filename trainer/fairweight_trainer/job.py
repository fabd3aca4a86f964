"""The job: what to train on what, checked whole before anything is loaded (spec/trainer-job.md, "The job").

Everything an example says is refused rather than repaired. A cut or dropped example would make the
token counts, which contributors are paid by, differ from what was trained.
"""
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import TrainerError
from .recipe import Recipe, fields, integer, parse_recipe
from .seal import Seal

FORMAT = "fairweight/job/v1"
GENERAL = -1
MAX_BUNDLE = 2**31 - 1
MAX_TOKEN = 2**31 - 1
MAX_SEED = 2**53 - 1
MAX_JOB_BYTES = 1 << 30

_hex64 = re.compile(r"[0-9a-f]{64}").fullmatch
_job_id = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch


@dataclass(frozen=True)
class Example:
    """`ids` is one whole dialogue; the loss is taken on ids[answer_from:], given everything before."""
    bundle: int
    commitment: bytes
    ids: tuple[int, ...]
    answer_from: int


@dataclass(frozen=True)
class BaseReference:
    path: Path
    sha256: str
    cache: Path | None
    float32_sha256: str | None


@dataclass(frozen=True)
class Material:
    """What jobs of every kind have: what is trained, on what, how."""
    job_id: str
    digest: bytes
    base: BaseReference
    recipe: Recipe
    examples: tuple[Example, ...]
    general: tuple[Example, ...]


@dataclass(frozen=True)
class Job(Material):
    seed: int


def read_job(folder: Path, seal: Seal, expected_sha256: str | None) -> Job:
    """Opens and checks JOBDIR/job.age. Raises TrainerError with one of the job's codes."""
    return parse_job(open_job(folder, seal, expected_sha256))


def open_job(folder: Path, seal: Seal, expected_sha256: str | None) -> bytes:
    """The job's JSON, not yet checked."""
    path = folder / "job.age"
    try:
        if path.stat().st_size > MAX_JOB_BYTES:
            raise TrainerError("job-invalid", f"the job is larger than {MAX_JOB_BYTES} bytes")
        sealed = path.read_bytes()
    except OSError:
        raise TrainerError("job-missing", "job.age cannot be read") from None
    try:
        content = seal.open(sealed)
    except ValueError:
        raise TrainerError("job-unreadable", "job.age does not open with this key") from None
    if expected_sha256 is not None and hashlib.sha256(content).hexdigest() != expected_sha256:
        raise TrainerError("job-digest", "job.age opens, but is not the job that was named")
    return content


def parse_job(content: bytes) -> Job:
    """Raises TrainerError `job-invalid`. Messages name places (examples[3].ids), never content."""
    job = parse_json(content, "the job", "job-invalid")
    return Job(**parse_material(job, content, FORMAT, ("seed",)), seed=integer(job["seed"], "seed", 0, MAX_SEED))


def parse_material(job, content: bytes, form: str, more: tuple[str, ...]) -> dict:
    """The fields that all kinds of job have; `more` names those that the caller reads."""
    fields(job, "job", ("format", "job_id", "base", "recipe", "examples", "general", "expect", *more))
    if job["format"] != form:
        raise TrainerError("job-invalid", f"job.format is not {form}")
    if type(job["job_id"]) is not str or not _job_id(job["job_id"]):
        raise TrainerError("job-invalid", "job.job_id is not 1 to 128 of A-Z a-z 0-9 . _ -")
    recipe = parse_recipe(job["recipe"])
    examples = _parse_examples(job["examples"], "examples", recipe)
    general = _parse_examples(job["general"], "general", recipe)
    _check_together(examples, general, recipe)
    fields(job["expect"], "expect", ("tokens",))
    tokens = sum(len(e.ids) for e in examples)
    if integer(job["expect"]["tokens"], "expect.tokens", 1, MAX_SEED) != tokens:
        raise TrainerError("job-invalid", "expect.tokens is not the number of tokens in the examples")
    return {"job_id": job["job_id"], "digest": hashlib.sha256(content).digest(), "base": _parse_base(job["base"]),
            "recipe": recipe, "examples": examples, "general": general}


def parse_json(content: bytes, what: str, code: str):
    """Integers only, each field once; else TrainerError of that code."""
    def once(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError
        return found

    def refuse(_):
        raise ValueError

    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise TrainerError(code, f"{what} is not JSON with integers only and each field once") from None


def _parse_base(value) -> BaseReference:
    names = ("path", "sha256", "cache")
    pinned = type(value) is dict and "float32_sha256" in value
    fields(value, "base", (*names, "float32_sha256") if pinned else names)
    for name in ("sha256", "float32_sha256")[: 1 + pinned]:
        if type(value[name]) is not str or not _hex64(value[name]):
            raise TrainerError("job-invalid", f"base.{name} is not 64 hexadecimal digits")
    for name in ("path", "cache"):
        if name == "cache" and value[name] is None:
            continue
        if type(value[name]) is not str or not value[name].startswith("/") or "\0" in value[name]:
            raise TrainerError("job-invalid", f"base.{name} is not an absolute path")
    cache = value["cache"]
    return BaseReference(Path(value["path"]), value["sha256"], None if cache is None else Path(cache),
                         value.get("float32_sha256"))


def _parse_examples(value, where: str, recipe: Recipe) -> tuple[Example, ...]:
    if type(value) is not list:
        raise TrainerError("job-invalid", f"{where} is not a list")
    return tuple(_parse_example(v, f"{where}[{i}]", where == "general", recipe) for i, v in enumerate(value))


def _parse_example(value, where: str, general: bool, recipe: Recipe) -> Example:
    fields(value, where, ("bundle", "commitment", "ids", "answer_from"))
    low, high = (GENERAL, GENERAL) if general else (0, MAX_BUNDLE)
    bundle = integer(value["bundle"], f"{where}.bundle", low, high)
    if type(value["commitment"]) is not str or not _hex64(value["commitment"]):
        raise TrainerError("job-invalid", f"{where}.commitment is not 64 hexadecimal digits")
    ids = token_ids(value["ids"], f"{where}.ids")
    if not 2 <= len(ids) <= recipe.max_length:
        raise TrainerError("job-invalid", f"{where}.ids is not 2 to {recipe.max_length} tokens long")
    answer_from = integer(value["answer_from"], f"{where}.answer_from", 1, len(ids) - 1)
    return Example(bundle, bytes.fromhex(value["commitment"]), ids, answer_from)


def token_ids(value, where: str) -> tuple[int, ...]:
    if type(value) is not list or not all(type(i) is int and 0 <= i <= MAX_TOKEN for i in value):
        raise TrainerError("job-invalid", f"{where} is not a list of token ids")
    return tuple(value)


def _check_together(examples, general, recipe: Recipe) -> None:
    if not examples:
        raise TrainerError("job-invalid", "examples is empty")
    seen = {}
    for where, part in (("examples", examples), ("general", general)):
        for i, example in enumerate(part):
            first = seen.setdefault(example.commitment, f"{where}[{i}]")
            if first != f"{where}[{i}]":
                raise TrainerError("job-invalid", f"{where}[{i}] has the commitment of {first}")
    if recipe.distillation is None and general:
        raise TrainerError("job-invalid", "general is given, but recipe.distillation is null")
    if recipe.distillation is not None and len(general) < recipe.distillation.prompts_per_step:
        raise TrainerError("job-invalid", "general has fewer examples than one step of distillation takes")
