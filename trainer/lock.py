"""Writes requirements.txt and requirements-test.txt: every package by exact version and by digest.

    python lock.py            (needs `uv` on the path; asks the package index that pip and uv are set up with)

torch has several builds under one version. The index's own are listed by uv; the CPU builds stand below,
as PyTorch's CPU index publishes them, because most machines install those. What only the CUDA builds
need is left out: this worker computes on the CPU.
"""
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = ["torch==2.13.0", "transformers==5.24.0", "peft==0.21.2", "numpy", "safetensors==0.8.0", "gguf==0.19.0",
       "pyrage==1.4.0"]
TEST = ["pytest==9.2.0"]
ONLY_CUDA = re.compile(r"(nvidia|cuda)-|triton==")

# torch-2.13.0+cpu-cp3xx-cp3xx-manylinux_2_28_{aarch64,x86_64}.whl
CPU_BUILDS = {
    "cp311 aarch64": "84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7",
    "cp311 x86_64": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
    "cp312 aarch64": "6f307c2c32d764ffc6ff6893b801fad6d4752f3e67966cb8abf1843427c02604",
    "cp312 x86_64": "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",
    "cp313 aarch64": "0b8f7d0423027ae8b90c7977c627f3379f325363a08224dffad9b4b2d684a83d",
    "cp313 x86_64": "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
    "cp314 aarch64": "ca021f9eb2f8345c83fa03e3a04587308afb8df71bd472670b3ece00df58621c",
    "cp314 x86_64": "d20fa53ee744502fa4c69818a720b05ca0d37abd055d4f6e66cae155114bc691",
}
HEAD = "# Written by lock.py. pip install --require-hashes --only-binary :all: -r {name}\n"


def main() -> None:
    write("requirements.txt", RUN)
    write("requirements-test.txt", RUN + TEST)


def write(name: str, wanted: list[str]) -> None:
    entries = [e for e in resolve(wanted) if not ONLY_CUDA.match(e)]
    entries = [with_cpu_builds(e) if e.startswith("torch==") else e for e in entries]
    (HERE / name).write_text(HEAD.format(name=name) + "".join(entries))


def resolve(wanted: list[str]) -> list[str]:
    """One text for each package: its line and the lines of its digests."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate",
               "--no-header", "--no-config", "--only-binary", ":all:", "-"]
    text = subprocess.run(command, input="\n".join(wanted), capture_output=True, text=True, check=True).stdout
    return re.findall(r"^\S.*\n(?:    .*\n)*", text, re.MULTILINE)


def with_cpu_builds(entry: str) -> str:
    digests = set(re.findall(r"sha256:([0-9a-f]{64})", entry)) | set(CPU_BUILDS.values())
    lines = [entry.split(" \\")[0], *(f"    --hash=sha256:{d}" for d in sorted(digests))]
    return " \\\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
