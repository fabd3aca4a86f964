"""A job of coalitions, and the requests for it (spec/trainer-job.md, "Coalitions"): checked whole, as a job is."""
from dataclasses import dataclass

from .errors import TrainerError
from .job import MAX_BUNDLE, MAX_SEED, Material, parse_json, parse_material, token_ids
from .recipe import MILLION, fields, integer

FORMAT = "fairweight/coalitions/v1"
MAX_PLAYERS, MAX_QUESTIONS, MAX_CANDIDATES = 1024, 10_000, 64
MAX_REQUEST_BYTES = 1 << 16


@dataclass(frozen=True)
class Question:
    """`ids` is the prompt, each candidate one whole answer; the first is the right one."""
    ids: tuple[int, ...]
    candidates: tuple[tuple[int, ...], ...]

    @property
    def answer_from(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class CoalitionsJob(Material):
    """`players`: each player's bundles."""
    players: tuple[frozenset[int], ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Request:
    """`temperature_e6`: set where the run is to be replayed backwards, too."""
    number: int
    members: tuple[int, ...]
    seed: int
    temperature_e6: int | None


def parse_coalitions_job(content: bytes) -> CoalitionsJob:
    """Raises TrainerError `job-invalid`. Messages name places, never content."""
    job = parse_json(content, "the job", "job-invalid")
    material = parse_material(job, content, FORMAT, ("players", "questions"))
    players = _parse_players(job["players"], {e.bundle for e in material["examples"]})
    questions = tuple(_parse_question(value, f"questions[{i}]", material["recipe"].max_length)
                      for i, value in enumerate(_list(job["questions"], "questions", 1, MAX_QUESTIONS)))
    return CoalitionsJob(**material, players=players, questions=questions)


def parse_request(line: bytes, job: CoalitionsJob) -> Request:
    """Raises TrainerError `request-invalid`."""
    value = parse_json(line, "the request", "request-invalid")
    try:
        replayed = type(value) is dict and "replay" in value
        fields(value, "request", ("number", "members", "seed", "replay")[:3 + replayed])
        last = len(job.players) - 1
        members = [integer(m, f"request.members[{i}]", 0, last)
                   for i, m in enumerate(_list(value["members"], "request.members", 0, last + 1))]
        if members != sorted(set(members)):
            raise TrainerError("job-invalid", "request.members is not in increasing order")
        return Request(integer(value["number"], "request.number", 0, MAX_SEED), tuple(members),
                       integer(value["seed"], "request.seed", 0, MAX_SEED),
                       _parse_replay(value["replay"]) if replayed else None)
    except TrainerError as error:
        raise TrainerError("request-invalid", error.message) from None


def _parse_replay(value) -> int:
    fields(value, "request.replay", ("temperature_e6",))
    return integer(value["temperature_e6"], "request.replay.temperature_e6", 1, 1000 * MILLION)


def _parse_players(value, bundles: set[int]) -> tuple[frozenset[int], ...]:
    players, owned = [], set()
    for i, player in enumerate(_list(value, "players", 1, MAX_PLAYERS)):
        for bundle in _list(player, f"players[{i}]", 1, len(bundles)):
            integer(bundle, f"players[{i}]", 0, MAX_BUNDLE)
            if bundle not in bundles:
                raise TrainerError("job-invalid", f"players[{i}] has a bundle without examples")
            if bundle in owned:
                raise TrainerError("job-invalid", f"players[{i}] has a bundle that was named before")
            owned.add(bundle)
        players.append(frozenset(player))
    if owned != bundles:
        raise TrainerError("job-invalid", "a bundle of the examples is no player's")
    return tuple(players)


def _parse_question(value, where: str, max_length: int) -> Question:
    fields(value, where, ("ids", "candidates"))
    ids = token_ids(value["ids"], f"{where}.ids")
    candidates = tuple(token_ids(c, f"{where}.candidates[{i}]")
                       for i, c in enumerate(_list(value["candidates"], f"{where}.candidates", 2, MAX_CANDIDATES)))
    if not ids or not all(candidates) or len(ids) + max(map(len, candidates)) > max_length:
        raise TrainerError("job-invalid", f"{where} has no tokens somewhere, or more than {max_length}")
    if len(set(candidates)) != len(candidates):
        raise TrainerError("job-invalid", f"{where}.candidates has an answer twice")
    return Question(ids, candidates)


def _list(value, where: str, least: int, most: int) -> list:
    if type(value) is not list or not least <= len(value) <= most:
        raise TrainerError("job-invalid", f"{where} is not a list of {least} to {most}")
    return value
