"""The result: the adapter as PEFT and as llama.cpp read it, in one uncompressed tar, sealed.

Equal runs give equal bytes: names, order, times and owners are fixed. Nothing touches a disk unsealed;
the GGUF is written by the `gguf` package into memory.
"""
import io
import json
import os
import tarfile

from gguf import GGUFWriter
from gguf.gguf_writer import WriterState
from peft import PeftModel
from safetensors.torch import save
from torch.optim import AdamW

from .base import Base, permute
from .model import adapter_tensors
from .optimizer import moments
from .recipe import Recipe
from .seal import sha256

NAME = "result.age"
_GGUF = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
         "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}


def result_files(base: Base, recipe: Recipe, network: PeftModel) -> dict[str, bytes]:
    return {
        "adapter_model.safetensors": save(adapter_tensors(network), {"format": "pt"}),
        "adapter_config.json": _config(base, recipe, network),
        "adapter.gguf": _gguf(base, recipe, network),
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
    return sha256(save(moments(optimizer)))


def _config(base: Base, recipe: Recipe, network: PeftModel) -> bytes:
    """PEFT's own, in PEFT's form; only a set is put in order, and the base named by its digest."""
    config = network.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": f"sha256:{base.sha256}", "inference_mode": True,
               "target_modules": list(recipe.targets)}
    return (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()


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


def _gguf(base: Base, recipe: Recipe, network: PeftModel) -> bytes:
    """float32. The rows of q's and k's B are permuted as the base's own are, or the model talks nonsense."""
    writer = _MemoryWriter("llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(recipe.alpha))
    heads = {"q_proj": base.shape.heads, "k_proj": base.shape.kv_heads}
    for name, tensor in adapter_tensors(network).items():
        *_, layer, _, target, matrix, _ = name.split(".")
        rows = tensor.numpy()
        if matrix == "lora_B" and target in heads:
            rows = permute(rows, heads[target])
        writer.add_tensor(f"blk.{layer}.{_GGUF[target]}.weight.{matrix.lower()}", rows)
    return writer.content()
