"""Reading a GGUF file's fields and tensors out of memory (the format's version 3, little endian).

The `gguf` package has the dequantisation; its reader takes seconds to walk a vocabulary that training
never looks at, and maps the file, so that the bytes read may be other than the bytes that were hashed.
"""
import struct

import numpy as np
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9


class GgufFile:
    """`fields`: scalars and strings by key; arrays are skipped and map to None. Raises ValueError."""

    def __init__(self, content: bytes):
        self._content = memoryview(content)
        self._at = 0
        if bytes(self._take(4)) != b"GGUF" or self._scalar("<I") != 3:
            raise ValueError("not a GGUF file of version 3")
        tensors, fields = self._scalar("<Q"), self._scalar("<Q")
        self.fields = {self._string(): self._value(self._scalar("<I")) for _ in range(fields)}
        self._tensors = {}
        for _ in range(tensors):
            name = self._string()
            shape = tuple(self._scalar("<Q") for _ in range(self._scalar("<I")))
            self._tensors[name] = (shape[::-1], GGMLQuantizationType(self._scalar("<I")), self._scalar("<Q"))
        alignment = self.fields.get("general.alignment", 32)
        self._data = -(-self._at // alignment) * alignment

    @property
    def names(self):
        return self._tensors.keys()

    def float32(self, name: str) -> np.ndarray:
        """The tensor dequantised, slowest dimension first."""
        shape, kind, offset = self._tensors[name]
        block, size = GGML_QUANT_SIZES[kind]
        count = int(np.prod(shape))
        if count % block:
            raise ValueError("a tensor does not fill its blocks")
        start = self._data + offset
        raw = self._content[start:start + count // block * size]
        if len(raw) != count // block * size:
            raise ValueError("a tensor ends after the file")
        rows = np.frombuffer(raw, dtype=np.uint8).reshape(*shape[:-1], -1)
        if kind == GGMLQuantizationType.F32:
            return rows.view(np.float32).copy()
        if kind == GGMLQuantizationType.F16:
            return rows.view(np.float16).astype(np.float32)
        return np.ascontiguousarray(dequantize(rows, kind), dtype=np.float32)

    def _take(self, size: int) -> memoryview:
        taken = self._content[self._at:self._at + size]
        if len(taken) != size:
            raise ValueError("the file ends early")
        self._at += size
        return taken

    def _scalar(self, kind: str):
        return struct.unpack(kind, self._take(struct.calcsize(kind)))[0]

    def _string(self) -> str:
        return str(self._take(self._scalar("<Q")), "utf-8")

    def _value(self, kind: int):
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(_SCALARS[kind])
        inner, count = self._scalar("<I"), self._scalar("<Q")
        if inner == _STRING:
            for _ in range(count):
                self._take(self._scalar("<Q"))
        elif inner == _ARRAY:
            raise ValueError("an array of arrays")
        else:
            self._take(count * struct.calcsize(_SCALARS[inner]))
        return None
