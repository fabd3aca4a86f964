"""The base model: from the GGUF a job names to float32 tensors, with a cache of the conversion.

The GGUF is read once, hashed, and used from memory: nobody can change it in between. The float32 form
has a digest of its own, which a job may pin (base.float32_sha256) and every `finished` event states.
The cache holds public weights and is not sealed. Its digest file finds damage, not malice: who can
write there can write both, so a caller who does not own that folder pins the digest or passes null.
"""
import json
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from .errors import TrainerError
from .gguf_file import GgufFile
from .job import BaseReference
from .seal import sha256, write_atomic

CACHE_FORMAT = "fairweight/base-float32/v1"
_LAYER = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
_TOP = {"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"}


@dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    context: int
    rope_base: float
    norm_epsilon: float


@dataclass(frozen=True)
class Base:
    """`tensors`: Hugging Face names of a Llama without the `model.` prefix, float32."""
    shape: Shape
    tensors: dict[str, torch.Tensor]
    sha256: str
    float32_sha256: str


def load_base(reference: BaseReference, progress=lambda phase, done, total: None) -> Base:
    """Raises TrainerError base-missing, base-mismatch or base-unsupported. progress(phase, done, total)."""
    progress("load", 0, 1)
    try:
        content = reference.path.read_bytes()
    except OSError:
        raise TrainerError("base-missing", "the base cannot be read") from None
    if sha256(content) != reference.sha256:
        raise TrainerError("base-mismatch", "the base's SHA-256 is not the one the job names")
    try:
        gguf = GgufFile(content)
        shape = read_shape(gguf)
        cached, cached_digest = _read_cache(reference)
        converted = cached or _convert(gguf, shape, progress)
        del content, gguf
        tensors = load(converted)
    except (ValueError, KeyError, TypeError, NotImplementedError, SafetensorError):
        raise TrainerError("base-unsupported", "the base is not a Llama GGUF this worker reads") from None
    digest = cached_digest or sha256(converted)
    if reference.float32_sha256 not in (None, digest):
        raise TrainerError("base-mismatch", "the base's float32 form is not the one the job names")
    if reference.cache is not None and cached is None:
        _write_cache(reference, converted, digest)
    progress("load", 1, 1)
    return Base(shape, tensors, reference.sha256, digest)


def read_shape(gguf: GgufFile) -> Shape:
    """Raises ValueError for what would silently compute another model: other architectures, scaled RoPE."""
    fields = gguf.fields
    if fields.get("general.architecture") != "llama":
        raise ValueError("not the llama architecture")
    if any(k.startswith("llama.rope.scaling.") and fields[k] not in ("none", 0, 0.0, 1.0) for k in fields):
        raise ValueError("scaled RoPE")
    if fields.get("llama.expert_count", 0):
        raise ValueError("a mixture of experts")
    width, heads = fields["llama.embedding_length"], fields["llama.attention.head_count"]
    head = fields.get("llama.attention.key_length", width // heads)
    if fields.get("llama.rope.dimension_count", head) != head or fields.get("llama.attention.value_length", head) != head:
        raise ValueError("heads of two sizes, or RoPE on a part of a head")
    return Shape(
        layers=fields["llama.block_count"], width=width, inner=fields["llama.feed_forward_length"], heads=heads,
        kv_heads=fields.get("llama.attention.head_count_kv", heads), head=head,
        vocabulary=gguf._tensors["token_embd.weight"][0][0], context=fields["llama.context_length"],
        rope_base=float(fields.get("llama.rope.freq_base", 10000.0)),
        norm_epsilon=float(fields["llama.attention.layer_norm_rms_epsilon"]),
    )


def _convert(gguf: GgufFile, shape: Shape, progress) -> bytes:
    tensors = {}
    for done, name in enumerate(gguf.names):
        if done % 16 == 0:
            progress("convert", done, len(gguf.names))
        values = gguf.float32(name)
        heads = {"attn_q": shape.heads, "attn_k": shape.kv_heads}.get(name.split(".")[-2])
        tensors[_rename(name)] = torch.from_numpy(values if heads is None else unpermute(values, heads))
    progress("convert", len(gguf.names), len(gguf.names))
    return save(tensors)


def _rename(name: str) -> str:
    parts = name.split(".")
    if parts[-1] != "weight":
        raise ValueError("a tensor that is not a weight")
    if parts[0] == "blk":
        return f"layers.{int(parts[1])}.{_LAYER[parts[2]]}.weight"
    return f"{_TOP[parts[0]]}.weight"


def unpermute(rows: np.ndarray, heads: int) -> np.ndarray:
    """GGUF keeps the rows of q and k with RoPE's pairs side by side; Hugging Face keeps them half a head apart."""
    return np.ascontiguousarray(rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape))


def permute(rows: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of `unpermute`."""
    return np.ascontiguousarray(rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape))


def _read_cache(reference: BaseReference) -> tuple[bytes | None, str | None]:
    """The converted bytes and their digest, or None when there are none or they are damaged: then they are made anew."""
    if reference.cache is None:
        return None, None
    folder = reference.cache / reference.sha256
    try:
        digests = json.loads((folder / "digests.json").read_bytes())
        content = (folder / "base.safetensors").read_bytes()
    except (OSError, ValueError):
        return None, None
    digest = sha256(content)
    expected = {"format": CACHE_FORMAT, "source_sha256": reference.sha256, "float32_sha256": digest}
    return (content, digest) if digests == expected else (None, None)


def _write_cache(reference: BaseReference, converted: bytes, digest: str) -> None:
    """The digests come last: a crash before them leaves a cache that is not used."""
    folder = reference.cache / reference.sha256
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainerError("io", f"the cache cannot be written (errno {error.errno})") from None
    digests = {"format": CACHE_FORMAT, "source_sha256": reference.sha256, "float32_sha256": digest}
    write_atomic(folder / "base.safetensors", converted)
    write_atomic(folder / "digests.json", (json.dumps(digests, indent=1) + "\n").encode())
