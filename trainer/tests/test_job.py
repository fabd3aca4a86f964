"""Each rule of the job and the recipe, refused for its own reason (spec/trainer-job.md)."""
import json

import pyrage
import pytest
from fairweight_trainer.errors import TrainerError
from fairweight_trainer.job import parse_job, read_job
from fairweight_trainer.seal import Seal


def put(path: str, value):
    """A change at a dotted path; `...` removes the field."""
    def change(job):
        *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
        for part in way:
            job = job[part]
        if value is ...:
            del job[last]
        else:
            job[last] = value
    return change


def again(job):
    job["examples"].append(dict(job["examples"][0], bundle=9))


def too_long(job):
    job["examples"][3]["ids"] = [5] * 129


REFUSED = [
    (put("format", "fairweight/job/v2"), "job.format is not"),
    (put("more", 1), "job has a field that is not in the list"),
    (put("seed", ...), "job.seed is missing"),
    (put("seed", 1.5), "not JSON with integers only"),
    (put("seed", True), "seed is not an integer"),
    (put("seed", -1), "seed is not an integer"),
    (put("job_id", "a/b"), "job.job_id"),
    (put("base.sha256", "AB" * 32), "base.sha256"),
    (put("base.path", "model.gguf"), "base.path is not an absolute path"),
    (put("base.float32_sha256", "x"), "base.float32_sha256"),
    (put("base.trust_remote_code", True), "base has a field"),
    (put("recipe.method", "full"), "recipe.method is not lora"),
    (put("recipe.precision", "bfloat16"), "recipe.precision is not float32"),
    (put("recipe.learning_rate_e9", "4000000"), "recipe.learning_rate_e9 is not an integer"),
    (put("recipe.passes", 0), "recipe.passes is not an integer from 1"),
    (put("recipe.targets", ["all-linear"]), "recipe.targets"),
    (put("recipe.targets", ["v_proj", "q_proj"]), "recipe.targets"),
    (put("recipe.dropout", 1), "recipe has a field"),
    (put("recipe.distillation.weight_e6", 0), "recipe.distillation.weight_e6"),
    (put("recipe.distillation", None), "general is given"),
    (put("general", []), "general has fewer examples"),
    (put("examples", []), "examples is empty"),
    (put("examples.2.bundle", -1), "examples[2].bundle"),
    (put("general.0.bundle", 0), "general[0].bundle"),
    (put("examples.1.commitment", "00"), "examples[1].commitment"),
    (put("examples.1.ids", [1, 2, -3]), "examples[1].ids"),
    (put("examples.1.ids", [1, 2, "3"]), "examples[1].ids"),
    (put("examples.1.ids", [1, 2, False]), "examples[1].ids"),
    (put("examples.1.answer_from", 0), "examples[1].answer_from"),
    (put("examples.1.answer_from", 999), "examples[1].answer_from"),
    (put("expect.tokens", 1), "expect.tokens is not the number"),
    (too_long, "examples[3].ids is not 2 to 128 tokens long"),
    (again, "examples[18] has the commitment of examples[0]"),
]


@pytest.mark.parametrize("change, message", REFUSED, ids=[m for _, m in REFUSED])
def test_refuses(bench, change, message):
    change(bench.job)
    with pytest.raises(TrainerError) as refused:
        parse_job(bench.content())
    assert refused.value.code == "job-invalid"
    assert message in refused.value.message


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff{}", b'{"seed": NaN}', b"[" * 100_000], ids=range(5))
def test_refuses_what_is_not_a_job(content):
    with pytest.raises(TrainerError) as refused:
        parse_job(content)
    assert refused.value.code == "job-invalid"


def test_refuses_a_field_given_twice(bench):
    twice = bench.content().replace(b'"seed"', b'"seed": 1, "seed"', 1)
    with pytest.raises(TrainerError):
        parse_job(twice)


def test_accepts_the_bench(bench):
    job = parse_job(bench.content())
    assert len(job.examples) == 18 and job.recipe.distillation.prompts_per_step == 2


def test_every_changed_byte_of_the_sealed_job_is_refused(bench):
    bench.seal()
    path = bench.folder / "job.age"
    sealed = path.read_bytes()
    seal = Seal(str(bench.identity))
    for at in {*range(0, len(sealed), max(1, len(sealed) // 200)), len(sealed) - 1}:
        path.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1:])
        with pytest.raises(TrainerError) as refused:
            read_job(bench.folder, seal, None)
        assert refused.value.code == "job-unreadable"
    path.write_bytes(sealed[:-1])
    with pytest.raises(TrainerError):
        read_job(bench.folder, seal, None)


def test_another_key_does_not_open_it(bench):
    bench.seal()
    with pytest.raises(TrainerError) as refused:
        read_job(bench.folder, Seal(str(pyrage.x25519.Identity.generate())), None)
    assert refused.value.code == "job-unreadable"


@pytest.mark.parametrize("line", ["", "AGE-SECRET-KEY-1X", "ssh-ed25519 AAAA"])
def test_a_key_that_is_none(line):
    with pytest.raises(TrainerError) as refused:
        Seal(line)
    assert refused.value.code == "key-invalid"


def test_an_id_outside_the_vocabulary_is_refused_before_training(bench):
    from fairweight_trainer.base import load_base
    from fairweight_trainer.train import check_fits
    bench.job["examples"][4]["ids"][-1] = 100_000
    job = parse_job(bench.content())
    with pytest.raises(TrainerError) as refused:
        check_fits(job, load_base(job.base))
    assert refused.value.message == "examples[4].ids has a token the base does not have"


def test_messages_never_quote_content(bench):
    for change, _ in REFUSED:
        fresh = json.loads(bench.content())
        change(fresh)
        try:
            parse_job(json.dumps(fresh).encode())
        except TrainerError as refused:
            for e in bench.job["examples"]:
                assert ", ".join(map(str, e["ids"][:3])) not in refused.message
                assert e["commitment"] not in refused.message
