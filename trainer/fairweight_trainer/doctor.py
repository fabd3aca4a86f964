"""What this machine and installation can do, for the node's start-up check and for people."""
import json
import os
import platform
import sys
from importlib import metadata

from . import VERSION, guard

_PACKAGES = ("torch", "numpy", "safetensors", "gguf", "pyrage", "transformers", "peft")


def report() -> dict:
    import torch
    flags = torch.backends.cpu.get_cpu_capability()
    return {
        "trainer": VERSION,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "cpu_capability": flags,
        "avx512_bf16": bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()),
        "amx_tile": bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()),
        "cuda_build": torch.version.cuda is not None,
        # Last: from here on this process can open no socket and start no program.
        "network_closed_by_kernel": guard.close_network(),
    }


def print_report(as_json: bool) -> int:
    found = report()
    if as_json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    ready = all(found["packages"].values()) and sys.version_info >= (3, 11)
    return 0 if ready else 70


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
