"""Events: JSON lines on the standard output the worker was started with (spec/trainer-job.md, "Events").

The list is closed and so is every event's list of fields: a value is an integer, a digest, or a name
from a fixed set, so nothing that derives from content has a field to leave by.
"""
import json
import os
import re

from .errors import EXIT, TrainerError

PHASES = ("load", "convert", "cache", "train", "export")

_hex = re.compile(r"[0-9a-f]{64}").fullmatch
_name = re.compile(r"[A-Za-z0-9._+-]{1,128}").fullmatch


def _integer(value):
    return type(value) is int


def _digest(value):
    return type(value) is str and _hex(value)


def _label(value):
    return type(value) is str and _name(value)


def _files(value):
    return all(
        set(f) == {"name", "sha256", "size"} and _label(f["name"]) and _digest(f["sha256"]) and _integer(f["size"])
        for f in value
    )


def _tokens(value):
    return all(re.fullmatch(r"-1|\d+", k) and _integer(v) for k, v in value.items())


def _integers(value):
    return type(value) is list and all(map(_integer, value))


def _rows(value):
    return type(value) is list and all(map(_integers, value))


_STARTED = {"job_id": _label, "job_sha256": _digest, "version": _label, "torch": _label}
_ALWAYS = {
    "progress": {"phase": lambda v: v in PHASES, "done": _integer, "total": _integer},
    "failed": {"code": lambda v: v in EXIT, "message": lambda v: type(v) is str},
}
RUN = _ALWAYS | {
    "started": _STARTED | {"step": _integer, "steps": _integer},
    "step": {"step": _integer, "steps": _integer, "loss_e6": _integer, "tokens_total": _integer,
             "tokens_per_second": _integer, "chain": _digest},
    "checkpoint": {"step": _integer},
    "finished": {"steps": _integer, "loss_e6": _integer, "chain": _digest, "tokens": _tokens, "files": _files,
                 "adapter_sha256": _digest, "optimizer_sha256": _digest, "base_float32_sha256": _digest},
}
_COALITION = {"number": _integer, "members": _integers, "seed": _integer, "steps": _integer, "loss_e6": _integer,
              "tokens": _integer, "scores_e6": _rows}
COALITIONS = _ALWAYS | {
    "started": _STARTED,
    "coalition-progress": {"number": _integer, "done": _integer, "total": _integer},
    "coalition": _COALITION,
    "replay": _COALITION | {"temperature_e6": _integer, "utility_e6": _integer, "slopes_e6": _integers},
}


class Events:
    """Writes to a private copy of descriptor `fd` what `schema` lists; `muzzle` then points 1 and 2 at nothing.

    So a library that prints, warns or dies loudly cannot add a line of its own.
    """

    def __init__(self, schema: dict, fd: int = 1):
        self._schema = schema
        self._out = os.fdopen(os.dup(fd), "w", encoding="utf-8", newline="\n")

    def muzzle(self) -> None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os.close(nothing)

    def emit(self, event: str, **fields) -> None:
        """One line, flushed. Raises `interrupted` when nobody reads any more."""
        schema = self._schema[event]
        if set(fields) != set(schema) or not all(schema[k](v) for k, v in fields.items()):
            raise TrainerError("internal", f"event {event} does not fit its schema")
        try:
            self._out.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
            self._out.flush()
        except OSError:
            raise TrainerError("interrupted", "nobody reads the events") from None
