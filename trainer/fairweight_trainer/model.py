"""A Llama in plain tensor operations, cut in two: lower layers that never change, upper ones with LoRA.

Hidden states are (tokens, width) without a batch dimension: several examples lie behind each other in
one pack, and a mask says who sees whom. Positions are those each token has in its own dialogue.
"""
import hashlib

import numpy as np
import torch
import torch.nn.functional as F

from .base import Base
from .recipe import Recipe

_INIT = b"fairweight/init/v1\0"
_BLOCK = {"q_proj": "self_attn", "k_proj": "self_attn", "v_proj": "self_attn", "o_proj": "self_attn",
          "gate_proj": "mlp", "up_proj": "mlp", "down_proj": "mlp"}


class Adapter:
    """LoRA's matrices by module name (layers.24.self_attn.q_proj): A is (rank, in), B is (out, rank)."""

    def __init__(self, base: Base, recipe: Recipe, seed: int):
        self.first = base.shape.layers - recipe.layers
        self.scale = recipe.alpha / recipe.rank
        self.pairs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for layer in range(self.first, base.shape.layers):
            for target in recipe.targets:
                name = f"layers.{layer}.{_BLOCK[target]}.{target}"
                out, inner = base.tensors[f"{name}.weight"].shape
                a = initial(f"{name}.lora_A", seed, recipe.rank, inner)
                self.pairs[name] = (a.requires_grad_(), torch.zeros(out, recipe.rank, requires_grad=True))

    def named(self) -> dict[str, torch.Tensor]:
        """Every trained tensor, in a fixed order."""
        return {f"{name}.lora_{m}": t for name, pair in self.pairs.items() for m, t in zip("AB", pair)}


def initial(name: str, seed: int, rank: int, inner: int) -> torch.Tensor:
    """Uniform in ±1/√inner, PEFT's own choice, but from SHAKE-256(domain ‖ seed ‖ name): the same everywhere.

    Little-endian 32-bit words; a word's upper 24 bits n give (n / 2²³ − 1) / √inner in float32.
    """
    stream = hashlib.shake_256(_INIT + seed.to_bytes(8, "big") + name.encode()).digest(4 * rank * inner)
    words = np.frombuffer(stream, dtype="<u4") >> 8
    unit = words.astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return torch.from_numpy((unit * np.float32(inner**-0.5)).reshape(rank, inner))


class Rope:
    """Cosine and sine for every position, as Hugging Face's Llama has them."""

    def __init__(self, base: Base, length: int):
        shape = base.shape
        frequency = 1.0 / shape.rope_base ** (torch.arange(0, shape.head, 2, dtype=torch.float32) / shape.head)
        angle = torch.outer(torch.arange(length, dtype=torch.float32), frequency).repeat(1, 2)
        self.cos, self.sin = angle.cos(), angle.sin()

    def at(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.cos[positions], self.sin[positions]


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def run_layers(base: Base, layers: range, hidden, rope, mask, adapter: Adapter | None = None, rows=None):
    """Hidden states (tokens, width) through `layers`. `rope`: (cos, sin) of the tokens' positions.

    `mask`: (tokens, tokens) added to the attention scores, 0 or -inf. `rows`: the tokens wanted after the
    last of the layers; the others are not computed further than their keys and values.
    """
    for layer in layers:
        last = rows if layer == layers[-1] else None
        hidden = _attend(base, layer, hidden, rope, mask, adapter, last)
        hidden = _feed(base, layer, hidden, adapter)
    return hidden


def normed(base: Base, hidden: torch.Tensor) -> torch.Tensor:
    """After the last layer, before the head."""
    return _norm(base, "norm", hidden)


def logits(base: Base, final: torch.Tensor) -> torch.Tensor:
    return F.linear(final, base.tensors.get("lm_head.weight", base.tensors["embed_tokens.weight"]))


def _attend(base: Base, layer: int, hidden, rope, mask, adapter, rows):
    shape, name = base.shape, f"layers.{layer}.self_attn"
    cos, sin = rope
    x = _norm(base, f"layers.{layer}.input_layernorm", hidden)
    k = _linear(base, f"{name}.k_proj", x, adapter).view(-1, shape.kv_heads, shape.head).transpose(0, 1)
    v = _linear(base, f"{name}.v_proj", x, adapter).view(-1, shape.kv_heads, shape.head).transpose(0, 1)
    k = _rotate(k, cos, sin)
    if rows is not None:
        hidden, x, mask, cos, sin = hidden[rows], x[rows], mask[rows], cos[rows], sin[rows]
    q = _linear(base, f"{name}.q_proj", x, adapter).view(-1, shape.heads, shape.head).transpose(0, 1)
    q = _rotate(q, cos, sin)
    group = shape.heads // shape.kv_heads
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    mixed = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask[None, None])[0]
    return hidden + _linear(base, f"{name}.o_proj", mixed.transpose(0, 1).reshape(-1, shape.heads * shape.head), adapter)


def _feed(base: Base, layer: int, hidden, adapter):
    name = f"layers.{layer}.mlp"
    x = _norm(base, f"layers.{layer}.post_attention_layernorm", hidden)
    inner = F.silu(_linear(base, f"{name}.gate_proj", x, adapter)) * _linear(base, f"{name}.up_proj", x, adapter)
    return hidden + _linear(base, f"{name}.down_proj", inner, adapter)


def _linear(base: Base, name: str, x, adapter: Adapter | None):
    y = F.linear(x, base.tensors[f"{name}.weight"])
    if adapter is None or name not in adapter.pairs:
        return y
    a, b = adapter.pairs[name]
    return y + F.linear(F.linear(x, a), b) * adapter.scale


def _norm(base: Base, name: str, x):
    return F.rms_norm(x, (base.shape.width,), base.tensors[f"{name}.weight"], base.shape.norm_epsilon)
