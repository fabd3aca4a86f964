"""A tiny random Llama as a GGUF: everything the worker and llama.cpp do, in milliseconds and kilobytes.

Its tokenizer is another model's, taken over as it is, or one of its own in which every byte is a token.
"""
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, TokenType

WIDTH, INNER, HEADS, KV_HEADS, CONTEXT = 64, 128, 4, 2, 512
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
             "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def make_test_model(out: Path, seed: int, tokenizer_from: Path | None = None, layers: int = 4) -> None:
    writer = GGUFWriter(out, "llama")
    writer.add_name("fairweight test model")
    writer.add_block_count(layers)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    vocabulary = _byte_tokenizer(writer) if tokenizer_from is None else _copy_tokenizer(writer, tokenizer_from)
    writer.add_vocab_size(vocabulary)
    for name, value in _weights(seed, vocabulary, layers):
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _weights(seed: int, vocabulary: int, layers: int):
    random = np.random.default_rng(seed)

    def matrix(out: int, inner: int) -> np.ndarray:
        return (random.standard_normal((out, inner)) / np.sqrt(inner)).astype(np.float32)

    head = WIDTH // HEADS
    yield "token_embd.weight", matrix(vocabulary, WIDTH)
    for i in range(layers):
        yield f"blk.{i}.attn_norm.weight", np.ones(WIDTH, np.float32)
        yield f"blk.{i}.attn_q.weight", matrix(WIDTH, WIDTH)
        yield f"blk.{i}.attn_k.weight", matrix(KV_HEADS * head, WIDTH)
        yield f"blk.{i}.attn_v.weight", matrix(KV_HEADS * head, WIDTH)
        yield f"blk.{i}.attn_output.weight", matrix(WIDTH, WIDTH)
        yield f"blk.{i}.ffn_norm.weight", np.ones(WIDTH, np.float32)
        yield f"blk.{i}.ffn_gate.weight", matrix(INNER, WIDTH)
        yield f"blk.{i}.ffn_up.weight", matrix(INNER, WIDTH)
        yield f"blk.{i}.ffn_down.weight", matrix(WIDTH, INNER)
    yield "output_norm.weight", np.ones(WIDTH, np.float32)


def _byte_tokenizer(writer: GGUFWriter) -> int:
    """GPT-2's alphabet, one token a byte, one merge (llama.cpp wants some), and ChatML's special tokens."""
    shown = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255]
    letters = {b: chr(b) for b in shown} | {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in shown)}
    tokens = [*_SPECIAL, *(letters[b] for b in range(256)), "th"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * len(_SPECIAL) + [TokenType.NORMAL] * 257)
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE)
    return len(tokens)


def _copy_tokenizer(writer: GGUFWriter, source: Path) -> int:
    vocabulary = 0
    for name, field in GGUFReader(source).fields.items():
        if not name.startswith("tokenizer."):
            continue
        inner = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], inner)
        if name == "tokenizer.ggml.tokens":
            vocabulary = len(field.data)
    return vocabulary
