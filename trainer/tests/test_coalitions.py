"""Coalitions: what a job and a request may say, what is measured, and that nothing of one is left in the next."""
import hashlib
import io
import json
import signal
import struct
import subprocess
import sys

import pytest
import torch
from peft import PeftModel

from conftest import ROOT
from fairweight_trainer import export
from fairweight_trainer.base import load_base
from fairweight_trainer.coalition_job import parse_coalitions_job, parse_request
from fairweight_trainer.coalitions import run_coalitions
from fairweight_trainer.errors import TrainerError
from fairweight_trainer.guard import Stop
from fairweight_trainer.order import plan
from fairweight_trainer.questions import Scorer
from fairweight_trainer.seal import Seal
from fairweight_trainer.train import Trainer
from test_job import put
from test_model import hugging_face  # noqa: F401  (a fixture)

ALL = [[], [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]


def line(number: int, members, seed: int = 7) -> bytes:
    return json.dumps({"number": number, "members": members, "seed": seed}).encode() + b"\n"


class Told:
    """Events as they are said, kept."""

    def __init__(self):
        self.events = []

    def emit(self, event, **fields):
        self.events.append({"event": event, **fields})

    def coalitions(self) -> dict:
        return {(tuple(e["members"]), e["seed"]): {**e, "number": 0} for e in self.events if e["event"] == "coalition"}


def measured(bench, asked) -> dict:
    told = Told()
    lines = io.BytesIO(b"".join(line(n, *a) for n, a in enumerate(asked)))
    run_coalitions(bench.seal().folder, Seal(str(bench.identity)), None, told, Stop(), lines)
    return told.coalitions()


@pytest.fixture(scope="module")
def found(tmp_path_factory, model_file):
    """All coalitions in one worker, in order."""
    from conftest import CoalitionsBench
    bench = CoalitionsBench(tmp_path_factory.mktemp("found"), model_file)
    return bench, measured(bench, [(members,) for members in ALL])


def ready(bench, change=lambda trainer: None):
    job = parse_coalitions_job(bench.content())
    base = load_base(job.base)
    trainer = Trainer(job, base, job.questions)
    change(trainer)
    trainer.prepare(lambda *_: None)
    scorer = Scorer(trainer, job.questions)
    scorer.prepare(lambda *_: None)
    return job, base, trainer, scorer


def trained(bench, members=(0, 1, 2), seed=7):
    job, base, trainer, scorer = ready(bench)
    bundles = frozenset().union(*(job.players[m] for m in members))
    steps = plan(job, seed, frozenset(i for i, e in enumerate(job.examples) if e.bundle in bundles))
    trainer.begin(seed, len(steps))
    losses = [trainer.step(step) for step in steps]
    return job, base, trainer, scorer, losses


def plainly(network, question) -> list[float]:
    """Each answer behind the prompt as one whole dialogue, through transformers' own forward."""
    scores = []
    for candidate in question.candidates:
        ids = torch.tensor([*question.ids, *candidate])[None]
        with torch.no_grad():
            said = network(ids).logits[0].log_softmax(-1)
        at = range(len(question.ids), ids.shape[1])
        scores.append(sum(float(said[i - 1, ids[0, i]]) for i in at))
    return scores


def close(ours, theirs, within=1e-3):
    assert len(ours) == len(theirs)
    assert all(abs(a - b) < within for a, b in zip(ours, theirs)), (ours, theirs)


@pytest.mark.parametrize("pack_tokens", [384, 50])
def test_a_score_is_what_transformers_and_peft_say_of_the_whole_dialogue(
        coalitions_bench, hugging_face, tmp_path, monkeypatch, pack_tokens):  # noqa: F811
    monkeypatch.setattr("fairweight_trainer.questions.SCORE_TOKENS", pack_tokens)
    job, base, trainer, scorer, _ = trained(coalitions_bench)
    for name, content in export.result_files(base, job.recipe, trainer.network).items():
        (tmp_path / name).write_bytes(content)
    import copy
    theirs = PeftModel.from_pretrained(copy.deepcopy(hugging_face), str(tmp_path))
    moved = 0.0
    for question, scores in zip(job.questions, scorer.scores()):
        close(scores, plainly(theirs, question))
        moved += abs(scores[0] - plainly(hugging_face, question)[0])
    assert moved > 1


def test_the_empty_coalition_is_the_base(found, hugging_face):  # noqa: F811
    bench, results = found
    empty = results[(), 7]
    assert (empty["steps"], empty["loss_e6"], empty["tokens"]) == (0, 0, 0)
    for question, scores in zip(parse_coalitions_job(bench.content()).questions, empty["scores_e6"]):
        close([s / 1e6 for s in scores], plainly(hugging_face, question))


def test_a_coalition_is_told_whole(found):
    bench, results = found
    assert set(results) == {(tuple(m), 7) for m in ALL}
    lengths = {}
    for e in bench.job["examples"]:
        lengths[e["bundle"]] = lengths.get(e["bundle"], 0) + 2 * len(e["ids"])
    for (members, _), result in results.items():
        bundles = [b for m in members for b in bench.job["players"][m]]
        examples = sum(e["bundle"] in bundles for e in bench.job["examples"])
        assert result["tokens"] == sum(lengths[b] for b in bundles)
        assert result["steps"] == 2 * -(-examples // 4)
        assert [len(s) for s in result["scores_e6"]] == [3] * 7
    assert len({json.dumps(r["scores_e6"]) for r in results.values()}) == 8


def test_the_same_coalition_has_the_same_bits_whatever_was_measured_before(found, tmp_path, model_file):
    """In another worker, in another order, behind another seed, and twice."""
    from conftest import CoalitionsBench
    bench, results = found
    other = CoalitionsBench(tmp_path, model_file)
    other.job = bench.job
    again = measured(other, [([0, 1, 2], 8), ([1, 2],), ([0],), ([],), ([0, 2],), ([0],), ([0, 1, 2],), ([],)])
    for (members, seed), result in again.items():
        if seed == 7:
            assert result == results[members, 7]
    assert again[(0, 1, 2), 8]["scores_e6"] != results[(0, 1, 2), 7]["scores_e6"]


def test_the_grand_coalition_is_the_training_run(coalitions_bench, bench):
    """Same losses step by step as the job that is trained for good."""
    from fairweight_trainer.job import parse_job
    *_, losses = trained(coalitions_bench)
    bench.job["examples"] = coalitions_bench.job["examples"]
    job = parse_job(bench.content())
    run = Trainer(job, load_base(job.base))
    run.prepare(lambda *_: None)
    steps = plan(job, job.seed)
    run.begin(job.seed, len(steps))
    close(losses, [run.step(step) for step in steps])


def test_a_coalitions_order_is_the_grand_one_with_the_others_left_out(coalitions_bench):
    """Written here from the specification's words alone."""
    job = coalitions_bench.job
    parsed = parse_coalitions_job(coalitions_bench.content())
    chosen = frozenset(i for i, e in enumerate(job["examples"]) if e["bundle"] in (0, 2, 3))
    steps = plan(parsed, 7, chosen)
    expected = []
    for number in range(2):
        key = b"fairweight/order/v1\0" + struct.pack(">QI", 7, number)
        places = sorted(range(18), key=lambda i: hashlib.sha256(
            key + bytes.fromhex(job["examples"][i]["commitment"])).digest())
        left = [i for i in places if i in chosen]
        expected += [tuple(left[at:at + 4]) for at in range(0, len(left), 4)]
    assert [s.examples for s in steps] == expected
    grand = plan(parsed, 7)
    assert [s.general for s in steps] == [s.general for s in grand[:len(steps)]]
    assert plan(parsed, 7, frozenset()) == []


def test_one_answer_cannot_change_anothers_score(coalitions_bench):
    *_, scorer, _ = trained(coalitions_bench)
    before = scorer.scores()
    changed = coalitions_bench.job["questions"][3]["candidates"][1]
    changed[:-1] = [(i + 7) % 256 + 3 for i in changed[:-1]]
    *_, scorer, _ = trained(coalitions_bench)
    for number, (left, right) in enumerate(zip(before, scorer.scores())):
        for place, (a, b) in enumerate(zip(left, right)):
            assert (a == b) == ((number, place) != (3, 1))


def first_question(**changes):
    return lambda job: job["questions"][0].update(changes)


REFUSED = [
    (put("format", "fairweight/job/v1"), "job.format is not"),
    (put("seed", 1), "job has a field that is not in the list"),
    (put("players", ...), "job.players is missing"),
    (put("players", []), "players is not a list"),
    (put("players", [[0, 3], [1]]), "a bundle of the examples is no player's"),
    (put("players", [[0, 3], [1], [2], [4]]), "players[3] has a bundle without examples"),
    (put("players", [[0, 3], [1], [2, 0]]), "players[2] has a bundle that was named before"),
    (put("players", [[0, 3], [1], [2], []]), "players[3] is not a list"),
    (put("players.1", [True]), "players[1] is not an integer"),
    (put("questions", []), "questions is not a list"),
    (put("questions.2.text", 1), "questions[2] has a field"),
    (put("questions.2.candidates", [[5, 2]]), "questions[2].candidates is not a list"),
    (put("questions.2.candidates.1", []), "questions[2] has no tokens somewhere"),
    (put("questions.2.candidates.1", [5] * 128), "questions[2] has no tokens somewhere, or more than 128"),
    (put("questions.2.candidates.1", [5, "2"]), "questions[2].candidates[1] is not a list of token ids"),
    (put("questions.2.ids", []), "questions[2] has no tokens somewhere"),
    (first_question(candidates=[[5, 2], [6, 2], [5, 2]]), "questions[0].candidates has an answer twice"),
    (put("examples.0.bundle", 9), "a bundle of the examples is no player's"),
    (put("expect.tokens", 1), "expect.tokens is not the number"),
]


@pytest.mark.parametrize("change, message", REFUSED, ids=[m for _, m in REFUSED])
def test_refuses_a_job(coalitions_bench, change, message):
    change(coalitions_bench.job)
    with pytest.raises(TrainerError) as refused:
        parse_coalitions_job(coalitions_bench.content())
    assert refused.value.code == "job-invalid" and message in refused.value.message


ASKED = {"number": 1, "members": [0, 2], "seed": 7}


@pytest.mark.parametrize("asked", [
    b"", b"\n", b"[]", b"{", json.dumps(ASKED).encode()[:-1], *(json.dumps(ASKED | change).encode() for change in (
        {"members": [0, 3]}, {"members": [2, 0]}, {"members": [0, 0]}, {"members": [-1]}, {"members": [False]},
        {"replay": {}}, {"replay": {"temperature_e6": 0}}, {"replay": 4}, {"replay": {"temperature_e6": 4, "more": 1}},
        {"members": "0"}, {"members": [0] * 4}, {"seed": -1}, {"seed": 1.0}, {"number": "1"}, {"more": 1})),
    json.dumps(ASKED).replace('"seed"', '"seed": 7, "seed"').encode()], ids=range(21))
def test_refuses_a_request(coalitions_bench, asked):
    job = parse_coalitions_job(coalitions_bench.content())
    assert parse_request(json.dumps(ASKED).encode(), job).members == (0, 2)
    with pytest.raises(TrainerError) as refused:
        parse_request(asked, job)
    assert refused.value.code == "request-invalid"


def test_a_question_outside_the_vocabulary_is_refused_before_training(coalitions_bench):
    coalitions_bench.job["questions"][4]["candidates"][1][0] = 100_000
    told = Told()
    with pytest.raises(TrainerError) as refused:
        run_coalitions(coalitions_bench.seal().folder, Seal(str(coalitions_bench.identity)), None, told, Stop(),
                       io.BytesIO())
    assert refused.value.message == "questions[4] has a token the base does not have"


def asked_of(process, number, members):
    process.stdin.write(line(number, members))
    process.stdin.flush()


def until(process, event: str) -> list[dict]:
    told = []
    for said in process.stdout:
        told.append(json.loads(said))
        if told[-1]["event"] == event:
            break
    return told


def test_a_killed_worker_is_asked_again(found, tmp_path, model_file):
    """As the node does it: a process with a key on a descriptor, killed with an answer outstanding; the next one
    gives what an undisturbed one gave. No file but the sealed job is there, before and after."""
    from conftest import CoalitionsBench
    bench, results = found
    other = CoalitionsBench(tmp_path, model_file)
    other.job = bench.job
    digest = hashlib.sha256(other.content()).hexdigest()
    first = other.seal().start("--job-sha256", digest)
    asked_of(first, 1, [0, 1])
    said = until(first, "coalition")
    assert said[0]["job_sha256"] == digest
    assert {**said[-1], "number": 0} == results[(0, 1), 7]
    asked_of(first, 2, [0, 2])
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    second = other.start("--job-sha256", digest)
    asked_of(second, 2, [0, 2])
    again = until(second, "coalition")[-1]
    assert again["number"] == 2 and {**again, "number": 0} == results[(0, 2), 7]
    second.stdin.close()
    assert second.wait(timeout=60) == 0
    assert [p.name for p in tmp_path.rglob("*")] == ["job.age"]


def test_an_idle_worker_stops_when_asked_and_a_bad_request_ends_it(coalitions_bench):
    coalitions_bench.seal()
    idle, bad = coalitions_bench.start(), coalitions_bench.start()
    asked_of(idle, 1, [])
    until(idle, "coalition")
    idle.send_signal(signal.SIGTERM)
    assert json.loads(idle.stdout.read().splitlines()[-1])["code"] == "interrupted"
    assert idle.wait(timeout=10) == 75
    bad.stdin.write(b'{"number":1,"members":[9],"seed":7}\n')
    bad.stdin.flush()
    assert until(bad, "failed")[-1]["code"] == "request-invalid"
    assert bad.wait(timeout=10) == 64


def test_a_refused_job_costs_no_loading():
    """What checks a job and a request does not import what takes seconds."""
    script = "import sys, fairweight_trainer.coalitions; sys.exit('torch' in sys.modules or 'peft' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
