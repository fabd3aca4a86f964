"""Replaying a run backwards: against retraining with a little more and a little less of a player's data."""
import io
import json

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

from conftest import CoalitionsBench
from fairweight_trainer import replay
from fairweight_trainer.coalitions import run_coalitions
from fairweight_trainer.errors import TrainerError
from fairweight_trainer.guard import Stop
from fairweight_trainer.job import parse_job
from fairweight_trainer.optimizer import functional_step, make_optimizer
from fairweight_trainer.order import plan
from fairweight_trainer.seal import Seal
from test_coalitions import Told, ready

TEMPERATURE = 4.0
# A run that has not fitted everything: there the derivative at full weight means something.
SLOW = {"learning_rate_e9": 4_000_000, "passes": 3, "warmup_ppm": 400_000}


@pytest.fixture(scope="module")
def asked(tmp_path_factory, model_file):
    """One worker, asked to replay the grand coalition and two members of three, and for the same without replay."""
    bench = CoalitionsBench(tmp_path_factory.mktemp("replay"), model_file)
    bench.job["recipe"] |= SLOW
    told = Told()
    lines = [{"number": n, "members": m, "seed": 7} | more for n, (m, more) in enumerate([
        ([0, 1, 2], {}), ([0, 1, 2], {"replay": {"temperature_e6": 4_000_000}}),
        ([1, 2], {"replay": {"temperature_e6": 4_000_000}}), ([1, 2], {})])]
    run_coalitions(bench.seal().folder, Seal(str(bench.identity)), None, told, Stop(),
                   io.BytesIO("".join(json.dumps(x) + "\n" for x in lines).encode()))
    return bench, [e for e in told.events if e["event"] in ("coalition", "replay")]


@pytest.fixture
def in_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("members, distilled", [([0, 1, 2], False), ([1, 2], True)])
def test_a_slope_is_what_retraining_with_another_weight_shows(coalitions_bench, in_float64, members, distilled):
    """The weights count from the fourth update on: the first ones follow the signs of gradients, and differences
    over signs that turn say nothing of a derivative."""
    bench, by, first = coalitions_bench, 0.01, 3
    bench.job["recipe"] |= SLOW
    if not distilled:
        bench.job["recipe"]["distillation"], bench.job["general"] = None, []
    job, _, trainer, scorer = ready(bench, lambda trainer: trainer.llama.double())
    owner = [next((m for m in members if e.bundle in job.players[m]), None) for e in job.examples]
    steps = plan(job, 7, frozenset(i for i, m in enumerate(owner) if m is not None))

    def begin():
        trainer.begin(7, len(steps))
        trainer.network.double()
        for step in steps[:first]:
            trainer.step(step)

    def retrained(of: int, weight: float) -> float:
        begin()
        weights = [torch.tensor(weight if m == of else 1.0) for m in owner]
        for step in steps[first:]:
            for _, loss in trainer.losses(step, weights):
                loss.backward()
            trainer.update()
        return sum(float(F.log_softmax(torch.tensor(s) / TEMPERATURE, 0)[0]) for s in scorer.scores()) / 7

    begin()
    tape = replay.Tape(trainer, job.recipe, len(steps))
    for step in steps[first:]:
        tape.step(step)
    places = [0 if m is None else members.index(m) for m in owner]
    scores, found, slopes = tape.slopes(scorer, TEMPERATURE, places, len(members), lambda left: None)
    assert found == pytest.approx(retrained(0, 1.0))
    assert scores == scorer.scores()
    shown = [(retrained(m, 1 + by) - retrained(m, 1 - by)) / (2 * by) for m in members]
    largest = max(map(abs, shown))
    assert largest > 0.01
    assert slopes == pytest.approx(shown, abs=0.03 * largest)


def test_a_replay_tells_what_its_coalition_tells(asked):
    """Keeping states changes no bit of the run, and going back leaves nothing for the next."""
    _, (plain, replayed, two, plain_two) = asked
    for coalition, other in ((plain, replayed), (plain_two, two)):
        for name in ("members", "seed", "steps", "loss_e6", "tokens", "scores_e6"):
            assert coalition[name] == other[name]
        scores = torch.tensor(coalition["scores_e6"], dtype=torch.float64) / 1e6
        expected = F.log_softmax(scores / TEMPERATURE, 1)[:, 0].mean()
        assert abs(other["utility_e6"] / 1e6 - float(expected)) < 1e-5


def test_a_step_as_a_function_is_torchs_own(bench):
    """With a clipped gradient, an unclipped one, and a parameter that never moves."""
    job = parse_job(bench.content())
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(40))
    optimizer, schedule = make_optimizer([parameter], job.recipe, 10)
    values, mean, square = parameter.detach().clone(), torch.zeros(40), torch.zeros(40)
    for number in range(1, 11):
        gradient = torch.randn(40) * (3 if number % 2 else 0.01)
        gradient[:5] = 0
        rate = optimizer.param_groups[0]["lr"]
        values, mean, square = functional_step(values, gradient, mean, square, number, rate, job.recipe)
        parameter.grad = gradient.clone()
        clip_grad_norm_([parameter], 1.0)
        optimizer.step()
        schedule.step()
        assert torch.allclose(values, parameter, rtol=1e-5, atol=1e-7)


def test_what_has_no_derivative_gives_none_and_not_nonsense():
    """A's gradient is 0 while B is: the root of its second moment has no slope there."""
    from conftest import RECIPE
    from fairweight_trainer.recipe import parse_recipe
    start = [torch.zeros(3).requires_grad_() for _ in range(4)]
    after = functional_step(*start, 1, 0.01, parse_recipe(RECIPE))
    for gradient in torch.autograd.grad(after, start, [torch.ones(3)] * 3):
        assert bool(gradient.isfinite().all())


def test_a_run_too_long_for_memory_is_refused_before_it_starts(coalitions_bench, monkeypatch):
    monkeypatch.setattr(replay, "TAPE_BYTES", 1000)
    told = Told()
    line = b'{"number":1,"members":[0],"seed":7,"replay":{"temperature_e6":4000000}}\n'
    with pytest.raises(TrainerError) as refused:
        run_coalitions(coalitions_bench.seal().folder, Seal(str(coalitions_bench.identity)), None, told, Stop(),
                       io.BytesIO(line))
    assert refused.value.code == "request-invalid"
