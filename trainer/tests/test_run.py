"""Whole runs of the worker as a process: the result, going on after a stop, and what must not get out."""
import hashlib
import json
import re
import shutil
import signal
import struct
import subprocess
import sys

import pyrage
import pytest

from conftest import ROOT, Bench
from fairweight_trainer.__main__ import _place
from fairweight_trainer.checkpoint import read_checkpoint
from fairweight_trainer.errors import TrainerError
from fairweight_trainer.seal import Seal


def without_network() -> list[str]:
    unshare = shutil.which("unshare")
    works = unshare and subprocess.run([unshare, "-n", "true"], capture_output=True).returncode == 0
    return [unshare, "-n"] if works else []


WITHOUT_NETWORK = without_network()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, model_file):
    folder = tmp_path_factory.mktemp("undisturbed")
    bench = Bench(folder, model_file)
    bench.job["base"]["cache"] = str(folder / "cache")
    digest = hashlib.sha256(bench.content()).hexdigest()
    outcome = bench.seal().run("--job-sha256", digest, before=WITHOUT_NETWORK)
    assert outcome.status == 0, outcome.output
    return bench, outcome


@pytest.fixture(scope="module")
def killed(tmp_path_factory, undisturbed):
    """The same job, killed after its seventh step: a folder as the crash left it, and what was said."""
    stopped = again(undisturbed[0], tmp_path_factory.mktemp("killed"))
    status, told = run_until(stopped, 7, signal.SIGKILL)
    assert status == -signal.SIGKILL
    return stopped, told


def again(bench: Bench, folder) -> Bench:
    """The same job and key in another folder."""
    shutil.copy(bench.folder / "job.age", folder / "job.age")
    copied = object.__new__(Bench)
    copied.folder, copied.identity, copied.job = folder, bench.identity, bench.job
    return copied


def run_until(bench: Bench, step: int, signal_number: int) -> tuple[int, bytes]:
    """Starts the worker and sends the signal as soon as it has told of `step`."""
    process = bench.start()
    told = b""
    for line in process.stdout:
        told += line
        event = json.loads(line)
        if event["event"] == "step" and event["step"] == step:
            process.send_signal(signal_number)
            break
    rest = process.communicate(timeout=60)[0]
    return process.returncode, told + rest


def test_a_run_tells_what_it_did(undisturbed):
    bench, outcome = undisturbed
    names = [e["event"] for e in outcome.events]
    assert names[0] == "started" and names[-1] == "finished"
    steps = [e for e in outcome.events if e["event"] == "step"]
    assert [e["step"] for e in steps] == list(range(1, 11))
    assert sum(e["loss_e6"] for e in steps[5:]) < sum(e["loss_e6"] for e in steps[:5])
    assert {f["name"]: f["sha256"] for f in outcome.last["files"]} == {
        n: hashlib.sha256(c).hexdigest() for n, c in outcome.files.items()}
    assert outcome.last["adapter_sha256"] == hashlib.sha256(outcome.files["adapter_model.safetensors"]).hexdigest()


def test_tokens_are_counted_each_time_they_are_seen(undisturbed):
    bench, outcome = undisturbed
    expected = {}
    for e in bench.job["examples"]:
        expected[str(e["bundle"])] = expected.get(str(e["bundle"]), 0) + 2 * len(e["ids"])
    told = dict(outcome.last["tokens"])
    general = told.pop("-1")
    assert told == expected
    last = [e for e in outcome.events if e["event"] == "step"][-1]
    assert last["tokens_total"] == sum(expected.values()) + general


def test_the_chain_can_be_computed_by_anyone_who_has_the_job(undisturbed):
    """Written here from the specification's words alone, not from the worker's functions."""
    bench, outcome = undisturbed
    job = bench.job

    def order(domain, number, items):
        key = domain + b"\0" + struct.pack(">QI", job["seed"], number)
        return sorted(items, key=lambda e: hashlib.sha256(key + bytes.fromhex(e["commitment"])).digest())

    general = [e for cycle in range(20) for e in order(b"fairweight/general-order/v1", cycle, job["general"])]
    head = hashlib.sha256(b"fairweight/batches/v1\0" + hashlib.sha256(bench.content()).digest()).digest()
    heads = []
    for number in range(job["recipe"]["passes"]):
        examples = order(b"fairweight/order/v1", number, job["examples"])
        for start in range(0, len(examples), 4):
            batch = examples[start:start + 4] + general[2 * len(heads):2 * len(heads) + 2]
            head = hashlib.sha256(head + b"".join(bytes.fromhex(e["commitment"]) for e in batch)).digest()
            heads.append(head.hex())
    assert [e["chain"] for e in outcome.events if e["event"] == "step"] == heads
    assert outcome.last["chain"] == heads[-1]


def ends_the_same(bench, outcome, done):
    after = bench.run()
    assert after.status == 0
    assert after.events[0]["step"] == done
    assert after.last == outcome.last
    assert after.files == outcome.files


def test_killed_before_the_first_checkpoint_it_starts_afresh(undisturbed, tmp_path):
    bench, outcome = undisturbed
    stopped = again(bench, tmp_path)
    assert run_until(stopped, 1, signal.SIGKILL)[0] == -signal.SIGKILL
    ends_the_same(stopped, outcome, 0)


def test_killed_between_checkpoints_it_goes_on_to_the_same_bytes(undisturbed, killed, tmp_path):
    """Killed twice: the second time in a run that had itself gone on from a checkpoint."""
    bench, outcome = undisturbed
    stopped, _ = killed
    second = again(bench, tmp_path)
    shutil.copy(stopped.folder / "checkpoint.age", tmp_path / "checkpoint.age")
    assert not (stopped.folder / "result.age").exists()
    assert run_until(second, 8, signal.SIGKILL)[0] == -signal.SIGKILL
    ends_the_same(second, outcome, 5)


def test_sigterm_keeps_a_checkpoint_and_asks_to_be_started_again(undisturbed, tmp_path):
    bench, outcome = undisturbed
    resumed = again(bench, tmp_path)
    status, told = run_until(resumed, 2, signal.SIGTERM)
    assert status == 75
    assert json.loads(told.splitlines()[-1])["code"] == "interrupted"
    after = resumed.run()
    assert after.events[0]["step"] >= 2
    assert after.last == outcome.last
    # And once more: a finished job finishes again, with the same digests.
    assert resumed.run().last == outcome.last


def test_a_reader_who_leaves_is_an_interruption(bench):
    process = bench.seal().start()
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 75


def test_no_plaintext_leaves(undisturbed, killed):
    """Token ids as JSON text, as 32- and 64-bit integers, and the key, in every file and in all output."""
    bench, outcome = undisturbed
    stopped, told = killed
    written = [p.read_bytes() for f in (bench.folder, stopped.folder) for p in f.rglob("*") if p.is_file()]
    assert len(written) >= 5
    for content in [*written, outcome.output, told]:
        assert b"AGE-SECRET-KEY" not in content and str(bench.identity).encode() not in content
        assert b"lora_A" not in content
        for e in bench.job["examples"] + bench.job["general"]:
            ids = e["ids"][e["answer_from"] - 3:]
            for text in (json.dumps(ids)[1:-1], json.dumps(ids, separators=(",", ":"))[1:-1]):
                assert text.encode() not in content
            assert struct.pack(f"<{len(ids)}i", *ids) not in content
            assert struct.pack(f"<{len(ids)}q", *ids) not in content
            assert e["commitment"].encode() not in content and bytes.fromhex(e["commitment"]) not in content


def test_a_disk_that_refuses_is_told_without_a_traceback(bench):
    (bench.folder / "result.age").mkdir()
    outcome = bench.seal().run()
    assert outcome.status == 74
    assert re.fullmatch(r"result.age cannot be written \(errno \d+\)", outcome.last["message"])
    assert b"Traceback" not in outcome.output


def test_an_internal_failure_tells_its_place_and_no_more():
    """An exception's own text may quote what it stumbled over."""
    try:
        {}["a contributor's words"]
    except KeyError as error:
        assert re.fullmatch(r"KeyError at test_run.py:\d+", _place(error))


@pytest.mark.skipif(not WITHOUT_NETWORK, reason="this machine does not let us take the network away")
def test_runs_without_a_network(undisturbed):
    assert undisturbed[1].status == 0


def test_refuses_sockets_and_programs():
    script = """
import ctypes, os, socket, subprocess, sys
from fairweight_trainer import guard
by_kernel = guard.close_network()
guard.forbid_dumps()
def refused(call):
    try: call()
    except PermissionError: return True
    return False
import _socket
checks = [refused(lambda: socket.socket()), refused(lambda: _socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
          refused(lambda: socket.getaddrinfo("localhost", 80)), refused(lambda: subprocess.run(["true"])),
          refused(lambda: os.system("true"))]
libc = ctypes.CDLL(None, use_errno=True)
if by_kernel: checks.append(libc.socket(2, 1, 0) == -1 and ctypes.get_errno() == 1)
import resource
checks.append(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))
print(checks)
sys.exit(not all(checks))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("planted", ["sealed by a stranger", "not age", "another job's", "cut"])
def test_a_checkpoint_of_anyone_else_is_refused(undisturbed, tmp_path, planted):
    bench, _ = undisturbed
    seal, digest = Seal(str(bench.identity)), hashlib.sha256(bench.content()).digest()
    own = (bench.folder / "checkpoint.age").read_bytes()
    content = {"sealed by a stranger": pyrage.encrypt(b"x" * 5000, [bench.identity.to_public()]),
               "not age": b"not age at all", "another job's": own, "cut": own[:-1]}[planted]
    assert read_checkpoint(bench.folder, seal, digest, 1).step == 10
    (tmp_path / "checkpoint.age").write_bytes(content)
    with pytest.raises(TrainerError) as refused:
        read_checkpoint(tmp_path, seal, hashlib.sha256(planted.encode()).digest(), 1)
    assert (refused.value.code, refused.value.status) == ("checkpoint-refused", 76)


def test_a_checkpoint_of_another_environment_is_refused(undisturbed):
    bench, _ = undisturbed
    with pytest.raises(TrainerError) as refused:
        read_checkpoint(bench.folder, Seal(str(bench.identity)), hashlib.sha256(bench.content()).digest(), 2)
    assert refused.value.message == "checkpoint.age was written with another environment"


def test_the_caller_pins_the_job(bench):
    """Anyone who knows the recipient can seal a job to it; only the caller's digest tells them apart."""
    outcome = bench.seal().run("--job-sha256", "0" * 64)
    assert (outcome.status, outcome.last["code"]) == (64, "job-digest")


def test_a_changed_base_is_refused_before_anything_is_trained(bench, tmp_path, model_file):
    changed = tmp_path / "changed.gguf"
    content = bytearray(model_file.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    bench.job["base"]["path"] = str(changed)
    outcome = bench.seal().run()
    assert (outcome.status, outcome.last["code"]) == (65, "base-mismatch")
    assert not any(e["event"] == "step" for e in outcome.events)
