"""What the process gives up before it touches data: the network, other programs, core dumps.

Two layers. An audit hook, which Python code cannot take off again, refuses sockets and new programs
at the interpreter's border. A seccomp filter refuses the same system calls to native libraries, where
the kernel allows one (Linux on x86-64 and aarch64). Neither replaces an enclave without a network
device; both turn "a library phoned home" into an exception.
"""
import ctypes
import os
import platform
import resource
import signal
import struct
import sys

from .errors import TrainerError

_REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
            "urllib.", "http.client.", "ftplib.", "smtplib.", "pickle.find_class", "webbrowser.")
# System call numbers: socket, socketpair stays, execve, execveat, io_uring_setup, ptrace.
_SYSCALLS = {
    "x86_64": (0xC000003E, (41, 59, 322, 425, 101)),
    "aarch64": (0xC00000B7, (198, 221, 281, 425, 117)),
}
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 4, 38, 22, 2

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
           "TOKENIZERS_PARALLELISM": "false", "TORCH_CPP_LOG_LEVEL": "ERROR"}
# Read when torch is loaded. A thread that waits sleeps instead of spinning: on cores shared with a node that serves,
# spinning made a step three times slower (measured) and took the cores from the node as well.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}


def forbid_dumps() -> None:
    """No core file and no other process reading this one's memory: both would hold plaintext."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def close_network() -> bool:
    """Refuse sockets and new programs from here on, for good. Before torch is loaded. True when the kernel enforces it too."""
    os.environ.update(OFFLINE)
    os.environ.update(PATIENT)
    sys.addaudithook(_refuse)
    return _filter_syscalls()


class Stop:
    """SIGTERM and SIGINT ask for a stop; the work looks at `asked` between two steps."""

    def __init__(self):
        self.asked = False
        self._waiting = False
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._ask)

    def check(self, where: str) -> None:
        """Raises TrainerError `interrupted` when a stop was asked for."""
        if self.asked:
            raise TrainerError("interrupted", f"stopped {where}")

    def wait(self, call, where: str):
        """What `call` gives, which may block: a stop ends it at once."""
        self._waiting = True
        try:
            self.check(where)
            return call()
        except _Asked:
            raise TrainerError("interrupted", f"stopped {where}") from None
        finally:
            self._waiting = False

    def _ask(self, *_):
        self.asked = True
        if self._waiting:
            raise _Asked


class _Asked(Exception):
    """Leaves a call that blocks; Python would go on waiting in it."""


def _refuse(event: str, _args) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"the trainer does not use {event}")


def _prctl(option: int, *args) -> bool:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        padded = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in args] + [ctypes.c_ulong(0)] * (4 - len(args))
        return libc.prctl(option, *padded) == 0
    except (OSError, AttributeError):
        return False


def _filter_syscalls() -> bool:
    """Classic BPF: on the expected architecture, EPERM for the listed calls, everything else allowed."""
    if sys.platform != "linux" or platform.machine() not in _SYSCALLS:
        return False
    arch, calls = _SYSCALLS[platform.machine()]
    load, equal, give = 0x20, 0x15, 0x06
    allow, deny = 0x7FFF0000, 0x00050000 | 1
    n = len(calls)
    code = [(load, 0, 0, 4), (equal, 0, n + 1, arch), (load, 0, 0, 0)]
    code += [(equal, n - i, 0, number) for i, number in enumerate(calls)]
    code += [(give, 0, 0, allow), (give, 0, 0, deny)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters)))
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1) and _prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_void_p(ctypes.addressof(program)))
