"""Command line: run, run-coalitions, doctor, make-test-model, --version. The contract is spec/trainer-job.md."""
import argparse
import os
import sys
import warnings
from pathlib import Path

from . import VERSION, guard
from .errors import TrainerError
from .events import COALITIONS, RUN, Events


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    if options.command in ("run", "run-coalitions"):
        return _work(options)
    if options.command == "doctor":
        from .doctor import print_report
        return print_report(options.json)
    from .testmodel import make_test_model
    make_test_model(options.out, options.seed, options.tokenizer_from, options.layers)
    return 0


def _work(options) -> int:
    """Every way out is an event and a status. What went wrong inside is told by place, never by content."""
    events = Events(RUN if options.command == "run" else COALITIONS)
    try:
        events.muzzle()
        warnings.simplefilter("ignore")
        guard.forbid_dumps()
        stop = guard.Stop()
        guard.close_network()
        from .seal import read_identity
        job = options.job, read_identity(options.key_fd), options.job_sha256
        if options.command == "run":
            from .run import run
            run(*job, events, stop)
        else:
            from .coalitions import run_coalitions
            run_coalitions(*job, events, stop, sys.stdin.buffer)
        return 0
    except TrainerError as error:
        return _fail(events, error)
    except MemoryError:
        return _fail(events, TrainerError("internal", "out of memory"))
    except BaseException as error:
        return _fail(events, TrainerError("internal", _place(error)))


def _fail(events: Events, error: TrainerError) -> int:
    try:
        events.emit("failed", code=error.code, message=error.message)
    except TrainerError:
        pass
    return error.status


def _place(error: BaseException) -> str:
    """`KeyError at train.py:120`: an exception's own text may quote data."""
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def _parse(arguments: list[str]):
    parser = _Parser(prog="fairweight_trainer", description=__doc__)
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, does in (("run", "train one sealed job"),
                       ("run-coalitions", "measure coalitions of one sealed job, as asked on the standard input")):
        work = commands.add_parser(name, help=does)
        work.add_argument("--job", type=Path, required=True, metavar="JOBDIR")
        work.add_argument("--key-fd", type=int, required=True, metavar="FD", help="descriptor with the age identity")
        work.add_argument("--job-sha256", metavar="HEX", help="refuse any job but the one with this plaintext digest")
    doctor = commands.add_parser("doctor", help="what this machine and installation can do")
    doctor.add_argument("--json", action="store_true")
    make = commands.add_parser("make-test-model", help="a tiny random Llama, for tests")
    make.add_argument("--out", type=Path, required=True, metavar="F.gguf")
    make.add_argument("--seed", type=int, default=0)
    make.add_argument("--layers", type=int, default=4)
    make.add_argument("--tokenizer-from", type=Path, metavar="GGUF", help="take over this model's tokenizer")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # Not sys.exit: libraries' clean-up at exit can only add noise, all that matters is on disk and synced.
    os._exit(status)
