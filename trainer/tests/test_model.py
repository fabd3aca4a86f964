"""The numbers: against a plain step of transformers and PEFT without our shortcuts; and that examples stay apart."""
import copy
import dataclasses
import hashlib
import math

import pytest
import torch
import torch.nn.functional as F
from gguf import GGUFReader
from peft import PeftModel
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM

from fairweight_trainer import export, model, order, pack as packs
from fairweight_trainer.base import load_base, permute, unpermute
from fairweight_trainer.errors import TrainerError
from fairweight_trainer.gguf_file import GgufFile
from fairweight_trainer.job import parse_job
from fairweight_trainer.optimizer import make_optimizer
from fairweight_trainer.train import Trainer


@pytest.fixture
def job(bench):
    return parse_job(bench.content())


@pytest.fixture
def base(job):
    return load_base(job.base)


def trained(job, base, some=3):
    steps = order.plan(job, job.seed)
    trainer = Trainer(job, base)
    trainer.prepare(lambda *_: None)
    trainer.begin(job.seed, len(steps))
    for step in steps[:some]:
        trainer.step(step)
    return trainer, steps


@pytest.fixture(scope="module")
def hugging_face(model_file):
    made = AutoModelForCausalLM.from_pretrained(str(model_file.parent), gguf_file=model_file.name, dtype=torch.float32)
    return made.eval()


def in_peft(trainer, job, base, hugging_face, folder, **options):
    """The trainer's result, as PEFT loads it from files onto transformers' own reading of the base."""
    for name, content in export.result_files(base, job.recipe, trainer.network).items():
        (folder / name).write_bytes(content)
    return PeftModel.from_pretrained(copy.deepcopy(hugging_face), str(folder), **options)


def through(trainer, p):
    """A pack through all layers, as it is for the first time: logits of every row."""
    network = trainer.network.get_base_model()
    return model.logits(network, model.run_layers(network, slice(None), network.model.embed_tokens(p.ids), p))


def test_the_base_is_what_transformers_reads_from_the_same_gguf(base, hugging_face):
    ours, theirs = model.llama(base), hugging_face
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(t, theirs.state_dict()[name]) for name, t in ours.state_dict().items())
    ids = torch.arange(3, 60)[None]
    assert torch.equal(ours(ids).logits, theirs(ids).logits)


def test_a_base_that_lacks_a_tensor_has_one_too_many_or_one_of_another_size_is_unsupported(base):
    name, more = "layers.3.mlp.up_proj.weight", "layers.4.mlp.up_proj.weight"
    rest = {n: t for n, t in base.tensors.items() if n != name}
    for tensors in (rest, {**rest, name: torch.ones(3, 64)}, {**base.tensors, more: torch.ones(128, 64)}):
        with pytest.raises(TrainerError) as refused:
            model.llama(dataclasses.replace(base, tensors=tensors))
        assert refused.value.code == "base-unsupported"


@pytest.mark.parametrize("pack_tokens", [1024, 100])
def test_a_steps_gradient_is_that_of_a_plain_padded_step(job, base, hugging_face, tmp_path, monkeypatch, pack_tokens):
    """Answer loss and distillation over padded batches of whole dialogues, all layers, without any of our shortcuts."""
    monkeypatch.setattr("fairweight_trainer.train.UPPER_TOKENS", pack_tokens)
    trainer, steps = trained(job, base)
    theirs = in_peft(trainer, job, base, hugging_face, tmp_path, is_trainable=True)
    trainer.gather(steps[4])

    def answers(network, examples):
        ids = pad_sequence([torch.tensor(e.ids) for e in examples], batch_first=True)
        there = pad_sequence([torch.ones(len(e.ids), dtype=torch.long) for e in examples], batch_first=True)
        found = network(input_ids=ids, attention_mask=there).logits
        return torch.cat([found[i, e.answer_from - 1:len(e.ids) - 1] for i, e in enumerate(examples)])

    examples = [job.examples[i] for i in steps[4].examples]
    general = [job.general[i] for i in steps[4].general]
    labels = torch.tensor([token for e in examples for token in e.ids[e.answer_from:]])
    with torch.no_grad():
        wanted = F.log_softmax(answers(hugging_face, general), -1)
    given = F.log_softmax(answers(theirs, general), -1)
    loss = F.cross_entropy(answers(theirs, examples), labels)
    (loss + F.kl_div(given, wanted, reduction="batchmean", log_target=True)).backward()
    gradients = {n: p.grad for n, p in theirs.named_parameters() if p.requires_grad}
    ours = {n: p.grad for n, p in trainer.network.named_parameters() if p.requires_grad}
    assert len(gradients) == 2 * 7 * 2 and gradients.keys() == ours.keys()
    for name, expected in gradients.items():
        assert (ours[name] - expected).norm() <= 1e-4 * expected.norm() + 1e-8, name


def test_peft_loads_the_adapter_and_says_the_same(job, base, hugging_face, tmp_path):
    trainer, _ = trained(job, base)
    theirs = in_peft(trainer, job, base, hugging_face, tmp_path)
    e = job.examples[0]
    with torch.no_grad():
        ours = through(trainer, packs.pack([e], 0))
        expected = theirs(torch.tensor(e.ids)[None]).logits[0]
        plain = hugging_face(torch.tensor(e.ids)[None]).logits[0]
    assert torch.allclose(ours, expected, atol=1e-4)
    assert not torch.allclose(ours, plain, atol=1e-2)


def test_one_example_cannot_change_anothers_loss(job, base):
    """Every other token of one dialogue is changed; the losses of all others stay the same to the bit."""
    trainer, _ = trained(job, base)

    def losses(examples):
        with torch.no_grad():
            p = packs.pack(examples, 12)
            each = F.cross_entropy(through(trainer, p)[p.rows], p.labels, reduction="none")
            return [each[a] for a in p.answers]

    examples = list(job.examples[:6])
    before = losses(examples)
    for changed in range(6):
        e = examples[changed]
        ids = tuple((i + 7) % 256 + 3 if n >= 12 and n % 2 else i for n, i in enumerate(e.ids))
        other = [*examples]
        other[changed] = dataclasses.replace(e, ids=ids)
        after = losses(other)
        for number in range(6):
            assert torch.equal(before[number], after[number]) == (number != changed)


def test_a_pack_gives_what_each_example_gives_alone(job, base):
    trainer, _ = trained(job, base)

    def final(examples, prefix):
        p = packs.pack(examples, prefix)
        return through(trainer, p)[p.rows]

    with torch.no_grad():
        together = final(list(job.examples[:5]), 12)
        alone = torch.cat([final([e], 0) for e in job.examples[:5]])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_shared_beginning_ends_before_any_answer(job):
    assert packs.shared_prefix(job.examples) == 12
    same = dataclasses.replace(job.examples[0], answer_from=5)
    assert packs.shared_prefix((job.examples[0], same)) == 4


def test_the_rate_rises_and_falls(job):
    optimizer, schedule = make_optimizer([torch.nn.Parameter(torch.zeros(1))], job.recipe, 50)
    rates = []
    for _ in range(50):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:5] == pytest.approx([0.004, 0.008, 0.012, 0.016, 0.02])
    assert rates[5] == 0.02 and rates == sorted(rates[:5]) + sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(0.01 * (1 + math.cos(math.pi * 44 / 45)))


def test_start_values_follow_from_the_seed_alone(job, base):
    def start(seed):
        return model.adapter_tensors(model.adapted(model.llama(base), job.recipe, seed))

    first = start(7)
    torch.rand(3)
    again, other = start(7), start(8)
    assert first.keys() == again.keys() == other.keys() and len(first) == 28
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name])
        assert torch.equal(tensor, other[name]) == ("lora_B" in name)
        assert bool(tensor.any()) == ("lora_A" in name)


def test_no_random_number_is_drawn_after_the_start(job, base):
    trainer, steps = trained(job, base, 0)
    before = torch.get_rng_state()
    trainer.prepare(lambda *_: None)
    trainer.step(steps[0])
    assert torch.equal(before, torch.get_rng_state())


def test_training_teaches(job, base):
    trainer, steps = trained(job, base, 0)
    losses = [trainer.step(steps[0]) for _ in range(9)]
    assert losses[-1] < losses[0] - 0.5


def test_permuting_rows_has_an_inverse():
    rows = torch.arange(64 * 3).reshape(64, 3).numpy()
    assert (permute(unpermute(rows, 4), 4) == rows).all()
    assert (unpermute(rows, 4) != rows).any()


def test_the_gguf_is_the_adapter(job, base, tmp_path):
    trainer, _ = trained(job, base)
    (tmp_path / "a.gguf").write_bytes(export.result_files(base, job.recipe, trainer.network)["adapter.gguf"])
    read = GGUFReader(tmp_path / "a.gguf")
    text = {k: f.contents() for k, f in read.fields.items()}
    assert text["general.type"] == "adapter" and text["adapter.type"] == "lora" and text["adapter.lora.alpha"] == 8.0
    tensors = {t.name: t.data for t in read.tensors}
    assert len(tensors) == 28
    b = model.adapter_tensors(trainer.network)["base_model.model.model.layers.2.self_attn.k_proj.lora_B.weight"].numpy()
    assert (unpermute(tensors["blk.2.attn_k.weight.lora_b"], 2) == b).all()


def test_our_reader_agrees_with_the_package_s(model_file):
    ours, theirs = GgufFile(model_file.read_bytes()), GGUFReader(model_file)
    assert set(ours.names) == {t.name for t in theirs.tensors}
    assert all((ours.float32(t.name) == t.data.reshape(ours.float32(t.name).shape)).all() for t in theirs.tensors)
    assert ours.fields["llama.block_count"] == 4 and ours.fields["tokenizer.ggml.pre"] == "smollm"


def test_a_cut_gguf_is_unsupported_not_a_crash(job, tmp_path, model_file):
    content = model_file.read_bytes()
    for length in (0, 4, 100, 5000, len(content) - 64):
        path = tmp_path / "cut.gguf"
        path.write_bytes(content[:length])
        reference = dataclasses.replace(job.base, path=path, sha256=hashlib.sha256(content[:length]).hexdigest())
        with pytest.raises(TrainerError) as refused:
            load_base(reference)
        assert refused.value.code == "base-unsupported"


def test_the_cache_is_used_checked_and_mended(job, tmp_path):
    reference = dataclasses.replace(job.base, cache=tmp_path)
    told = []
    first = load_base(reference, lambda phase, *_: told.append(phase))
    assert "convert" in told
    told.clear()
    second = load_base(reference, lambda phase, *_: told.append(phase))
    assert "convert" not in told and second.float32_sha256 == first.float32_sha256
    stored = tmp_path / reference.sha256 / "base.safetensors"
    damaged = bytearray(stored.read_bytes())
    damaged[-5] ^= 1
    stored.write_bytes(damaged)
    load_base(reference, lambda phase, *_: told.append(phase))
    assert "convert" in told and stored.read_bytes() != bytes(damaged)


def test_a_pinned_float32_form_defeats_a_rewritten_cache(job, tmp_path):
    reference = dataclasses.replace(job.base, cache=tmp_path)
    digest = load_base(reference).float32_sha256
    pinned = dataclasses.replace(reference, float32_sha256=digest)
    assert load_base(pinned).float32_sha256 == digest
    with pytest.raises(TrainerError) as refused:
        load_base(dataclasses.replace(reference, float32_sha256="0" * 64))
    assert refused.value.code == "base-mismatch"
