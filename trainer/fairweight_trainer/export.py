"""The result: the adapter as PEFT and as llama.cpp read it, in one uncompressed tar, sealed.

Equal runs give equal bytes: names, order, times and owners are fixed. Nothing touches a disk unsealed;
the GGUF is written by the `gguf` package into memory.
"""
import io
import json
import os
import tarfile

import torch
from gguf import GGUFWriter
from gguf.gguf_writer import WriterState
from safetensors.torch import save

from .base import Base, permute
from .model import Adapter
from .optimizer import AdamW
from .recipe import Recipe
from .seal import sha256

NAME = "result.age"
_GGUF = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
         "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}


def result_files(base: Base, recipe: Recipe, adapter: Adapter) -> dict[str, bytes]:
    return {
        "adapter_model.safetensors": _safetensors(adapter),
        "adapter_config.json": _config(base, recipe, adapter),
        "adapter.gguf": _gguf(base, recipe, adapter),
    }


def archive(files: dict[str, bytes]) -> bytes:
    """A USTAR archive: mode 0644, owner 0, time 0, in the order given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def optimizer_digest(optimizer: AdamW) -> str:
    """SHA-256 of the moments' safetensors form: equal after a resumed and an undisturbed run."""
    return sha256(save({"first": optimizer.first, "second": optimizer.second}))


def _safetensors(adapter: Adapter) -> bytes:
    tensors = {f"base_model.model.model.{name}.weight": t.detach().clone() for name, t in adapter.named().items()}
    return save(tensors, {"format": "pt"})


def _config(base: Base, recipe: Recipe, adapter: Adapter) -> bytes:
    config = {
        "base_model_name_or_path": f"sha256:{base.sha256}",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "layers_pattern": "layers",
        "layers_to_transform": list(range(adapter.first, base.shape.layers)),
        "lora_alpha": recipe.alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": recipe.rank,
        "target_modules": list(recipe.targets),
        "task_type": "CAUSAL_LM",
    }
    return (json.dumps(config, indent=2) + "\n").encode()


class _MemoryWriter(GGUFWriter):
    """The package's writer wants a file: it gets one that lives in memory only."""

    def __init__(self, arch: str):
        super().__init__(None, arch)
        self._fd = os.memfd_create("adapter.gguf", os.MFD_CLOEXEC)

    def open_output_file(self, path=None) -> None:
        if self.fout is None:
            self.fout = [os.fdopen(os.dup(self._fd), "wb")]
            self.state = WriterState.EMPTY

    def content(self) -> bytes:
        self.write_header_to_file()
        self.write_kv_data_to_file()
        self.write_tensors_to_file()
        self.close()
        with os.fdopen(self._fd, "rb") as written:
            written.seek(0)
            return written.read()


def _gguf(base: Base, recipe: Recipe, adapter: Adapter) -> bytes:
    """float32. The rows of q's and k's B are permuted as the base's own are, or the model talks nonsense."""
    writer = _MemoryWriter("llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(recipe.alpha))
    heads = {"q_proj": base.shape.heads, "k_proj": base.shape.kv_heads}
    for name, pair in adapter.pairs.items():
        _, layer, _, target = name.split(".")
        a, b = (t.detach().numpy() for t in pair)
        if target in heads:
            b = permute(b, heads[target])
        writer.add_tensor(f"blk.{layer}.{_GGUF[target]}.weight.lora_a", a)
        writer.add_tensor(f"blk.{layer}.{_GGUF[target]}.weight.lora_b", b)
    return writer.content()
