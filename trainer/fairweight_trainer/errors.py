"""Why a run ends early: a closed list of codes, each with its exit status.

Three kinds, by what the caller should do: fix the call (64, 65), try again (74, 75), stop, this is
not trusted (76); 70 is a fault of ours.
"""

EXIT = {
    "usage": 64,               # the command line is not one of ours
    "key-invalid": 64,         # the descriptor carries no age identity
    "job-missing": 64,
    "job-unreadable": 64,      # does not open with this key: wrong key, or a changed byte
    "job-digest": 64,          # opens, but is not the job the caller named
    "job-invalid": 64,         # opens, but breaks a rule of the format
    "request-invalid": 64,     # a line of the standard input that asks for no coalition of this job
    "base-missing": 65,
    "base-mismatch": 65,       # the base's bytes are not those the job names
    "base-unsupported": 65,    # not a Llama GGUF that this worker can train
    "internal": 70,
    "io": 74,                  # the disk refused a read or a write
    "interrupted": 75,         # SIGTERM: a model checkpoint is kept, start the same command again
    "checkpoint-refused": 76,  # a model checkpoint not written by this job under this key
}


class TrainerError(Exception):
    """`code` is one of EXIT, for programs. `message` is for people and never quotes content."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = EXIT[code]
