"""The network: transformers' Llama with PEFT's LoRA on its upper layers, and how packs run through it.

The layers are called one by one, since a run needs them in two halves: the lower ones never change, so
what they give is computed once. A pack is one row of a batch; its mask says which tokens see which.
"""
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers.models.llama import LlamaConfig, LlamaForCausalLM

from .base import Base
from .errors import TrainerError
from .pack import Pack
from .recipe import Recipe


def llama(base: Base) -> LlamaForCausalLM:
    """Over the base's own tensors, not a copy. Raises TrainerError base-unsupported when they are no whole Llama."""
    shape = base.shape
    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        head_dim=shape.head, max_position_embeddings=shape.context, rms_norm_eps=shape.norm_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base}, attention_bias=False, mlp_bias=False,
        hidden_act="silu", tie_word_embeddings="lm_head.weight" not in base.tensors,
    )
    tensors = {name if name == "lm_head.weight" else f"model.{name}": t for name, t in base.tensors.items()}
    try:
        network, loading = LlamaForCausalLM.from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32, attn_implementation="sdpa",
            output_loading_info=True)
    except RuntimeError:
        raise TrainerError("base-unsupported", "the base has a tensor of another size than a Llama's") from None
    if loading["missing_keys"] or loading["unexpected_keys"]:
        raise TrainerError("base-unsupported", "the base has other tensors than a Llama")
    return network


def adapted(network: LlamaForCausalLM, recipe: Recipe, seed: int) -> PeftModel:
    """PEFT's own start values, drawn from torch's generator, which is seeded here and used for nothing else."""
    layers = network.config.num_hidden_layers
    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(recipe.targets), task_type="CAUSAL_LM",
        layers_to_transform=list(range(layers - recipe.layers, layers)), layers_pattern="layers")
    torch.manual_seed(seed)
    return get_peft_model(network, config)


def adapter_tensors(network: PeftModel) -> dict[str, torch.Tensor]:
    """Every trained tensor under PEFT's name for it, in a fixed order."""
    # Without the last argument PEFT would ask a hub whether the base's vocabulary has changed.
    return get_peft_model_state_dict(network, save_embedding_layers=False)


def run_layers(network: LlamaForCausalLM, layers: slice, hidden: torch.Tensor, pack: Pack,
               rows: torch.Tensor | None = None) -> torch.Tensor:
    """Hidden states (tokens, width) of a pack's tokens through some of the layers.

    `rows`: the only ones wanted. The last layer's other rows are seen by nobody, so their larger half is not computed.
    """
    batch = hidden[None]
    mask, rope = pack.mask[None, None], network.model.rotary_emb(batch, pack.positions[None])
    chosen = network.model.layers[layers]
    for layer in chosen if rows is None else chosen[:-1]:
        batch = layer(batch, attention_mask=mask, position_embeddings=rope)
    if rows is not None:
        last = chosen[-1]
        seen, _ = last.self_attn(last.input_layernorm(batch), attention_mask=mask, position_embeddings=rope)
        batch = (batch + seen)[:, rows]
        batch = batch + last.mlp(last.post_attention_layernorm(batch))
    return batch[0]


def logits(network: LlamaForCausalLM, final: torch.Tensor) -> torch.Tensor:
    """Of `final`, what the last layer gives."""
    return network.lm_head(network.model.norm(final))
