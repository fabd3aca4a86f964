"""A tiny random model, jobs over it, and the worker as the node starts it: a process with a key on a descriptor."""
import copy
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from fairweight_trainer.testmodel import make_test_model  # noqa: E402

RECIPE = {
    "format": "fairweight/recipe/v1", "method": "lora", "layers": 2, "rank": 4, "alpha": 8,
    "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "learning_rate_e9": 20_000_000, "batch": 4, "passes": 2, "warmup_ppm": 100_000, "weight_decay_e6": 10_000,
    "clip_e6": 1_000_000, "schedule": "cosine", "distillation": {"weight_e6": 1_000_000, "prompts_per_step": 2},
    "precision": "float32", "max_length": 128, "checkpoint_every": 5, "threads": 1,
}
SYSTEM = list(range(20, 32))


def example(bundle: int, number: int, seed: int = 0) -> dict:
    draw = random.Random(f"{seed}/{bundle}/{number}")
    question = [draw.randrange(3, 260) for _ in range(draw.randrange(3, 20))]
    answer = [draw.randrange(3, 260) for _ in range(draw.randrange(2, 12))] + [2]
    return {"bundle": bundle, "commitment": hashlib.sha256(f"{seed}/{bundle}/{number}".encode()).hexdigest(),
            "ids": SYSTEM + question + answer, "answer_from": len(SYSTEM) + len(question)}


@dataclass
class Outcome:
    status: int
    events: list[dict]
    output: bytes
    folder: Path
    identity: pyrage.x25519.Identity
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def last(self) -> dict:
        return self.events[-1]


class Bench:
    """One job folder. `job` is plain data to change before `seal`."""

    def __init__(self, folder: Path, model: Path, examples: int = 18):
        self.folder = folder
        self.identity = pyrage.x25519.Identity.generate()
        general = [example(-1, i) for i in range(5)]
        chosen = [example(i % 3, i) for i in range(examples)]
        self.job = {
            "format": "fairweight/job/v1", "job_id": "test-1",
            "base": {"path": str(model), "sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "cache": None},
            "recipe": copy.deepcopy(RECIPE), "seed": 7, "examples": chosen, "general": general,
            "expect": {"tokens": sum(len(e["ids"]) for e in chosen)},
        }

    def content(self) -> bytes:
        return json.dumps(self.job).encode()

    def seal(self) -> "Bench":
        (self.folder / "job.age").write_bytes(pyrage.encrypt(self.content(), [self.identity.to_public()]))
        return self

    command = "run"

    def start(self, *arguments: str, identity=None, before=(), **options) -> subprocess.Popen:
        read, write = os.pipe()
        os.write(write, f"{identity or self.identity}\n".encode())
        os.close(write)
        command = [*before, sys.executable, "-m", "fairweight_trainer", self.command, "--job", str(self.folder),
                   "--key-fd", str(read), *arguments]
        try:
            return subprocess.Popen(command, cwd=ROOT, pass_fds=[read], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, **options)
        finally:
            os.close(read)

    def run(self, *arguments: str, **options) -> Outcome:
        return self.end(self.start(*arguments, **options))

    def end(self, process: subprocess.Popen, already: bytes = b"") -> Outcome:
        output = already + process.communicate(timeout=60)[0]
        outcome = Outcome(process.returncode, [json.loads(line) for line in output.splitlines()], output, self.folder,
                          self.identity)
        if process.returncode == 0:
            outcome.files = self.result()
        return outcome

    def result(self) -> dict[str, bytes]:
        content = pyrage.decrypt((self.folder / "result.age").read_bytes(), [self.identity])
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def question(number: int, answers: int = 3) -> dict:
    """Of lengths that differ; the last answer is one token, the end alone."""
    draws = [example(0, number * 100 + i, seed=9) for i in range(answers - 1)]
    return {"ids": draws[0]["ids"][:draws[0]["answer_from"]],
            "candidates": [*(e["ids"][e["answer_from"]:] for e in draws), [2]]}


class CoalitionsBench(Bench):
    """A job of coalitions over the same examples: three players, one of them with two bundles."""
    command = "run-coalitions"

    def __init__(self, folder: Path, model: Path):
        super().__init__(folder, model)
        del self.job["seed"]
        for i, e in enumerate(self.job["examples"]):
            e["bundle"] = i % 4
        self.job |= {"format": "fairweight/coalitions/v1", "players": [[0, 3], [1], [2]],
                     "questions": [question(i) for i in range(7)]}

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        return super().start(*arguments, stdin=subprocess.PIPE, **options)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    make_test_model(path, seed=1)
    return path


@pytest.fixture
def coalitions_bench(tmp_path, model_file) -> CoalitionsBench:
    folder = tmp_path / "coalitions"
    folder.mkdir()
    return CoalitionsBench(folder, model_file)


@pytest.fixture
def bench(tmp_path, model_file) -> Bench:
    folder = tmp_path / "job"
    folder.mkdir()
    return Bench(folder, model_file)
