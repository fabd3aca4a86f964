"""The numbers: against Hugging Face's Llama, PEFT and torch's own optimiser; and that examples stay apart."""
import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from fairweight_trainer import export, model, order, pack as packs
from fairweight_trainer.base import load_base, permute, unpermute
from fairweight_trainer.errors import TrainerError
from fairweight_trainer.gguf_file import GgufFile
from fairweight_trainer.job import parse_job
from fairweight_trainer.optimizer import AdamW
from fairweight_trainer.train import Trainer


@pytest.fixture
def job(bench):
    return parse_job(bench.content())


@pytest.fixture
def base(job):
    return load_base(job.base)


def trained(job, base, some=3):
    steps = order.plan(job)
    trainer = Trainer(job, base, len(steps))
    trainer.prepare(lambda *_: None)
    for step in steps[:some]:
        trainer.step(step)
    return trainer, steps


@pytest.fixture(scope="module")
def hugging_face(model_file):
    from transformers import AutoModelForCausalLM
    made = AutoModelForCausalLM.from_pretrained(str(model_file.parent), gguf_file=model_file.name, dtype=torch.float32)
    return made.eval()


def test_the_base_is_what_transformers_reads_from_the_same_gguf(base, hugging_face):
    theirs = hugging_face.state_dict()
    assert all(torch.equal(t, theirs[f"model.{name}"]) for name, t in base.tensors.items())
    ids = torch.arange(3, 60)
    at = torch.arange(len(ids))
    mask = torch.zeros(len(ids), len(ids)).masked_fill_(at[None] > at[:, None], float("-inf"))
    hidden = model.run_layers(base, range(4), base.tensors["embed_tokens.weight"][ids], model.Rope(base, 64).at(at), mask)
    ours = model.logits(base, model.normed(base, hidden))
    assert torch.allclose(ours, hugging_face(ids[None]).logits[0], atol=1e-4)


@pytest.mark.parametrize("pack_tokens", [1024, 100])
def test_a_steps_gradient_is_peft_s(job, base, hugging_face, tmp_path, monkeypatch, pack_tokens):
    """Answer loss and distillation, one dialogue at a time through PEFT, whole, without any of our shortcuts."""
    from peft import PeftModel
    monkeypatch.setattr("fairweight_trainer.train.UPPER_TOKENS", pack_tokens)
    trainer, steps = trained(job, base)
    for name, content in export.result_files(base, job.recipe, trainer.adapter).items():
        (tmp_path / name).write_bytes(content)
    import copy
    theirs = PeftModel.from_pretrained(copy.deepcopy(hugging_face), str(tmp_path), is_trainable=True)
    trainer.gather(steps[4])

    def answer(network, e):
        return network(torch.tensor(e.ids)[None]).logits[0, e.answer_from - 1:-1]

    examples = [job.examples[i] for i in steps[4].examples]
    general = [job.general[i] for i in steps[4].general]
    loss = sum(F.cross_entropy(answer(theirs, e), torch.tensor(e.ids[e.answer_from:]), reduction="sum") for e in examples)
    loss = loss / sum(len(e.ids) - e.answer_from for e in examples)
    apart = 0
    for e in general:
        with torch.no_grad():
            wanted = F.log_softmax(answer(hugging_face, e), -1)
        apart += F.kl_div(F.log_softmax(answer(theirs, e), -1), wanted, reduction="sum", log_target=True)
    (loss + apart / sum(len(e.ids) - e.answer_from for e in general)).backward()
    gradients = {n: p.grad for n, p in theirs.named_parameters() if p.requires_grad}
    ours = trainer.adapter.named()
    assert len(gradients) == len(ours) == 2 * 7 * 2
    for name, tensor in ours.items():
        expected = gradients[f"base_model.model.model.{name}.default.weight"]
        assert (tensor.grad - expected).norm() <= 1e-4 * expected.norm() + 1e-8, name


def test_peft_loads_the_adapter_and_says_the_same(job, base, hugging_face, tmp_path):
    import copy

    from peft import PeftModel
    trainer, _ = trained(job, base)
    for name, content in export.result_files(base, job.recipe, trainer.adapter).items():
        (tmp_path / name).write_bytes(content)
    theirs = PeftModel.from_pretrained(copy.deepcopy(hugging_face), str(tmp_path))
    e = job.examples[0]
    p = packs.pack([e], 0)
    with torch.no_grad():
        hidden = base.tensors["embed_tokens.weight"][p.ids]
        hidden = model.run_layers(base, range(4), hidden, model.Rope(base, 128).at(p.positions), p.mask, trainer.adapter)
        ours = model.logits(base, model.normed(base, hidden))
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
            hidden = base.tensors["embed_tokens.weight"][p.ids]
            rope = model.Rope(base, 128).at(p.positions)
            final = model.run_layers(base, range(4), hidden, rope, p.mask, trainer.adapter, p.rows)
            each = F.cross_entropy(model.logits(base, model.normed(base, final)), p.labels, reduction="none")
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
    rope = model.Rope(base, 128)

    def final(examples, prefix):
        p = packs.pack(examples, prefix)
        hidden = base.tensors["embed_tokens.weight"][p.ids]
        return model.run_layers(base, range(4), hidden, rope.at(p.positions), p.mask, trainer.adapter, p.rows)

    with torch.no_grad():
        together = final(list(job.examples[:5]), 12)
        alone = torch.cat([final([e], 0) for e in job.examples[:5]])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_shared_beginning_ends_before_any_answer(job):
    assert packs.shared_prefix(job.examples) == 12
    same = dataclasses.replace(job.examples[0], answer_from=5)
    assert packs.shared_prefix((job.examples[0], same)) == 4


def test_the_optimiser_is_torch_s(job):
    recipe = dataclasses.replace(job.recipe, clip_e6=500_000)
    torch.manual_seed(0)
    start = torch.randn(40, 5)
    ours = {"a": start.clone().requires_grad_()}
    own = AdamW(ours, recipe, 20)
    theirs = start.clone().requires_grad_()
    reference = torch.optim.AdamW([theirs], betas=(0.9, 0.999), eps=1e-8, weight_decay=recipe.weight_decay_e6 / 1e6)
    for step in range(20):
        for tensor in (ours["a"], theirs):
            (tensor.sin().sum() * (step + 1)).backward()
        torch.nn.utils.clip_grad_norm_([theirs], 0.5)
        reference.param_groups[0]["lr"] = own.rate(step)
        reference.step()
        reference.zero_grad()
        own.step()
    assert torch.allclose(ours["a"], theirs, atol=1e-6)


def test_the_rate_rises_and_falls(job):
    own = AdamW({"a": torch.zeros(1)}, job.recipe, 50)
    rates = [own.rate(s) for s in range(50)]
    assert rates[:5] == pytest.approx([0.004, 0.008, 0.012, 0.016, 0.02])
    assert rates[5] == 0.02 and rates == sorted(rates[:5]) + sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(0.01 * (1 + math.cos(math.pi * 44 / 45)))


def test_start_values_are_the_specification_s():
    import hashlib
    import struct
    name = "layers.3.mlp.up_proj.lora_A"
    stream = hashlib.shake_256(b"fairweight/init/v1\0" + struct.pack(">Q", 7) + name.encode()).digest(4 * 8 * 64)
    expected = [((u >> 8) / 2**23 - 1) / math.sqrt(64) for u in struct.unpack("<512I", stream)]
    assert model.initial(name, 7, 8, 64).flatten().tolist() == pytest.approx(expected, abs=1e-7)


def test_no_random_number_is_drawn(job, base):
    before = torch.get_rng_state()
    trained(job, base)
    assert torch.equal(before, torch.get_rng_state())


def test_training_teaches(job, base):
    trainer, steps = trained(job, base, 0)
    first = trainer.gather(steps[0])
    for _ in range(8):
        trainer.optimizer.step()
        last = trainer.gather(steps[0])
    assert last < first - 0.5


def test_permuting_rows_has_an_inverse():
    rows = torch.arange(64 * 3).reshape(64, 3).numpy()
    assert (permute(unpermute(rows, 4), 4) == rows).all()
    assert (unpermute(rows, 4) != rows).any()


def test_the_gguf_is_the_adapter(job, base, tmp_path):
    from gguf import GGUFReader
    trainer, _ = trained(job, base)
    (tmp_path / "a.gguf").write_bytes(export.result_files(base, job.recipe, trainer.adapter)["adapter.gguf"])
    read = GGUFReader(tmp_path / "a.gguf")
    text = {k: f.contents() for k, f in read.fields.items()}
    assert text["general.type"] == "adapter" and text["adapter.type"] == "lora" and text["adapter.lora.alpha"] == 8.0
    tensors = {t.name: t.data for t in read.tensors}
    assert len(tensors) == 28
    b = trainer.adapter.pairs["layers.2.self_attn.k_proj"][1].detach().numpy()
    assert (unpermute(tensors["blk.2.attn_k.weight.lora_b"], 2) == b).all()


def test_our_reader_agrees_with_the_package_s(model_file):
    from gguf import GGUFReader
    ours, theirs = GgufFile(model_file.read_bytes()), GGUFReader(model_file)
    assert set(ours.names) == {t.name for t in theirs.tensors}
    assert all((ours.float32(t.name) == t.data.reshape(ours.float32(t.name).shape)).all() for t in theirs.tensors)
    assert ours.fields["llama.block_count"] == 4 and ours.fields["tokenizer.ggml.pre"] == "smollm"


def test_a_cut_gguf_is_unsupported_not_a_crash(job, tmp_path, model_file):
    content = model_file.read_bytes()
    import hashlib
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
