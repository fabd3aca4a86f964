"""Recomputes every digest of vectors/statements.json from the spec pages alone, with the standard library only.

A second implementation in spirit: it shares no code with packages/. Signatures are not checked. Run by hand:
python3 tools/spec/recompute.py
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

FILE = pathlib.Path(__file__).parents[2] / "vectors" / "statements.json"


# Conventions (spec/conventions.md)


def canonical(value) -> bytes:
    """RFC 8785, integers only: members sorted by UTF-16 code units."""
    return text_of(value).encode("utf-8")


def text_of(value) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{text_of(name)}:{text_of(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(text_of(one) for one in value) + "]"
    if isinstance(value, float):
        raise ValueError("no fractions")
    return json.dumps(value, ensure_ascii=False)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def digest_of(value) -> str:
    return sha256(canonical(value)).hex()


def purpose_hash(purpose: str, *parts: bytes) -> bytes:
    return sha256(purpose.encode() + b"\0", *parts)


def hmac_sha256(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def uint64(value: int) -> bytes:
    return value.to_bytes(8, "big")


# Trees (spec/merkle.md)


def tree_root(entries: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1."""
    if not entries:
        return sha256()
    if len(entries) == 1:
        return sha256(b"\0", entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\1", tree_root(entries[:split]), tree_root(entries[split:]))


SUM = "fairweight/merkle-sum/v1"


def sum_root(leaves: list[tuple[int, bytes]]) -> dict:
    """`leaves` are a power of two, in their final order."""
    nodes = [(total, purpose_hash(SUM, b"\0", uint64(total), digest)) for total, digest in leaves]
    size = len(nodes)
    while len(nodes) > 1:
        nodes = [join(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    total, root = nodes[0]
    return {"root": root.hex(), "sum": str(total), "size": size}


def join(left: tuple[int, bytes], right: tuple[int, bytes]) -> tuple[int, bytes]:
    children = (uint64(left[0]), left[1], uint64(right[0]), right[1])
    return left[0] + right[0], purpose_hash(SUM, b"\1", *children)


def padded(size: int) -> int:
    width = 1
    while width < size:
        width *= 2
    return width


def keyed_sum_root(leaves: list[tuple[int, bytes]], key: bytes) -> dict:
    padding = [
        (0, hmac_sha256(key, f"{SUM}/padding\0".encode(), uint64(place)))
        for place in range(padded(len(leaves)) - len(leaves))
    ]
    return sum_root(sorted(leaves + padding, key=lambda leaf: hmac_sha256(key, leaf[1])))


def ordered_sum_root(leaves: list[tuple[int, bytes]]) -> dict:
    return sum_root(leaves + [(0, bytes(32))] * (padded(len(leaves)) - len(leaves)))


def model_digest(files: list[dict]) -> str:
    ordered = sorted(files, key=lambda file: file["name"])
    return sha256(*(bytes.fromhex(file["sha256"]) for file in ordered)).hex()


def item_salt(secret: bytes, index: int) -> bytes:
    return hmac_sha256(secret, canonical("fairweight/item-salt/v1"), uint64(index))


def item_commitment(item: dict, salt: bytes) -> bytes:
    return purpose_hash("fairweight/item/v1", salt, canonical(item))


def bundle_root(items: list[dict], secret: bytes) -> str:
    return tree_root([item_commitment(one, item_salt(secret, at)) for at, one in enumerate(items)]).hex()


def validation_root(items: list[dict], secret: bytes) -> str:
    purpose = "fairweight/validation-item/v1"
    return tree_root(
        [purpose_hash(purpose, item_salt(secret, at), canonical(one)) for at, one in enumerate(items)]
    ).hex()


def training_seed(manifest: str) -> int:
    return int.from_bytes(purpose_hash("fairweight/training-seed/v1", bytes.fromhex(manifest))[:6], "big")


# What a statement is about (spec/statement.md, the table of kinds)

SUBJECTS = {
    "policy": lambda it: (it["base"]["name"], base_digest(it["base"])),
    "evidence": lambda it: (f"keyset of {it['node']} term {it['term']}", digest_of(it["keyset"])),
    "offer": lambda it: ("bundle", it["bundle"]["root"]),
    "contribution-receipt": lambda it: ("bundle", it["bundleRoot"]),
    "manifest": lambda it: ("dataset", it["tree"]["root"]),
    "training-receipt": lambda it: (it["model"]["name"], model_digest(it["model"]["files"])),
    "attribution": lambda it: ("model", it["model"]),
    "fidelity": lambda it: ("attribution", it["attribution"]),
    "usage-close": lambda it: (f"usage of period {it['period']}", it["tree"]["root"]),
    "payout": lambda it: ("payouts", it["cumulative"]["root"]),
    "withdrawal": lambda it: ("contribution receipt", it["receipt"]),
    "withdrawal-receipt": lambda it: ("withdrawal", it["withdrawal"]),
    "payee-change": lambda it: ("payee", digest_of(it["payee"])),
    "payee-cancellation": lambda it: ("payee change", it["change"]),
    "payee-receipt": lambda it: ("payee statement", it["statement"]),
    "dispute": lambda it: ("disputed statement", it["about"]["statement"]),
    "dispute-receipt": lambda it: ("dispute", it["dispute"]),
    "dispute-answer": lambda it: ("dispute", it["dispute"]),
}


def base_digest(base: dict) -> str:
    return digest_of({name: base[name] for name in ("name", "revision", "files")})


class Tally:
    def __init__(self) -> None:
        self.agreed = 0
        self.differ: list[str] = []

    def same(self, what: str, found, expected) -> None:
        if found == expected:
            self.agreed += 1
        else:
            self.differ.append(f"{what}: found {found}, the vectors say {expected}")


def check_statements(file: dict, tally: Tally) -> None:
    for case in file["statements"]:
        kind = case["kind"]
        payload = base64.b64decode(case["envelope"]["payload"], validate=True)
        frame = json.loads(payload)
        predicate = frame["predicate"]
        tally.same(f"{kind}: digest", sha256(payload).hex(), case["digest"])
        tally.same(f"{kind}: canonical form", canonical(frame), payload)
        tally.same(f"{kind}: predicate type", frame["predicateType"], f"https://fairweight.org/{kind}/v1")
        name, digest = SUBJECTS[kind](predicate)
        tally.same(f"{kind}: subject", frame["subject"], [{"name": name, "digest": {"sha256": digest}}])
        if kind == "training-receipt":
            tally.same("training receipt: seed", training_seed(predicate["manifest"]), predicate["seed"])


def check_keyset(known: dict, tally: Tally) -> None:
    digest = digest_of(known["keyset"])
    tally.same("keyset", digest, known["digest"])
    nonce = {"purpose": "fairweight/gpu-nonce/v1", "keyset": digest, "nonce": known["termNonce"]}
    tally.same("gpu nonce", digest_of(nonce), known["gpuNonce"])
    tally.same("gpu list", digest_of(known["gpus"]), known["gpuListDigest"])
    for name, gpus in (("challenge", known["gpus"]), ("challengeWithoutGpus", [])):
        asked = {"purpose": "fairweight/challenge/v1", "keyset": digest, "nonce": known["clientNonce"]}
        tally.same(name, digest_of(asked | {"gpu": digest_of(gpus)}), known[name])


def check_aci(known: dict, tally: Tally) -> None:
    tally.same("aci keyset", f"sha256:{digest_of(known['keyset'])}", known["digest"])
    for nonce, name in ((known["nonce"], "reportData"), (None, "reportDataWithoutNonce")):
        said = {"keyset_digest": known["digest"], "nonce": nonce, "purpose": "aci.report_data.v1"}
        tally.same(f"aci {name}", digest_of(said), known[name])


def check_policy(known: dict, tally: Tally) -> None:
    tally.same("base", base_digest(known["base"]), known["baseDigest"])
    tally.same("recipe", digest_of(known["recipe"]), known["recipeDigest"])
    for row in known["prices"]:
        found = digest_of({"currency": known["currency"], "price": row["price"]})
        tally.same(f"price of {row['price']['model']}", found, row["digest"])
    validation = known["validation"]
    root = validation_root(validation["items"], bytes.fromhex(validation["secret"]))
    tally.same("validation set", root, validation["commitment"])


def check_bundle(known: dict, tally: Tally) -> None:
    secret = bytes.fromhex(known["secret"])
    for at, one in enumerate(known["items"]):
        tally.same(f"salt of item {at}", item_salt(secret, at).hex(), one["salt"])
        commitment = item_commitment(one["item"], bytes.fromhex(one["salt"])).hex()
        tally.same(f"commitment of item {at}", commitment, one["commitment"])
    items = [one["item"] for one in known["items"]]
    tally.same("bundle root", bundle_root(items, secret), known["root"])
    lines = [canonical(known["header"]), *map(canonical, items)]
    tally.same("bundle", sha256(*(line + b"\n" for line in lines)).hex(), known["plaintextSha256"])


def check_data(answers: dict, tally: Tally) -> None:
    for one in answers["logLeaves"]:
        parts = bytes.fromhex(one["salt"]), bytes.fromhex(one["statement"])
        tally.same("log leaf", purpose_hash("fairweight/log-leaf/v1", *parts).hex(), one["leaf"]["digest"])
        tally.same("log entry", canonical(one["leaf"]).decode(), one["bytes"])
    tree = answers["manifestTree"]
    for one in tree["leaves"]:
        value = purpose_hash("fairweight/manifest-leaf/v1", canonical(one["leaf"])).hex()
        tally.same("manifest leaf", value, one["value"])
    entries = sorted(bytes.fromhex(one["leaf"]["key"] + one["value"]) for one in tree["leaves"])
    tally.same("manifest root", (tree_root(entries).hex(), len(entries)), (tree["root"], tree["size"]))
    seed = answers["trainingSeed"]
    tally.same("seed", training_seed(seed["manifest"]), seed["seed"])
    drawn = answers["extractionOrder"]
    for one in drawn["items"]:
        parts = bytes.fromhex(drawn["manifest"]), bytes.fromhex(one["commitment"])
        tally.same("extraction order", purpose_hash("fairweight/extraction/v1", *parts).hex(), one["order"])
    tally.same("model", model_digest(answers["model"]["files"]), answers["model"]["digest"])


def leaf_digest(of: str, leaf: dict) -> str:
    return purpose_hash(f"fairweight/{of}-leaf/v1", canonical(leaf)).hex()


def check_sums(answers: dict, tally: Tally) -> None:
    for tree in answers["sumTrees"]:
        for one in tree["leaves"]:
            tally.same(f"{tree['of']} leaf", leaf_digest(tree["of"], one["leaf"]), one["digest"])
        root = keyed_sum_root(sums(tree["leaves"]), bytes.fromhex(tree["key"]))
        tally.same(f"{tree['of']} tree", root, tree["tree"])
    usage = answers["usage"]
    for one in usage["leaves"]:
        tally.same("usage leaf", leaf_digest("usage", one["leaf"]), one["digest"])
    tally.same("usage tree", ordered_sum_root(sums(usage["leaves"])), usage["tree"])
    three = [(number, sha256(str(number).encode())) for number in (1, 2, 3)]
    tally.same("usage tree of three", ordered_sum_root(three), usage["treeOfThree"])
    tally.same("usage tree of none", ordered_sum_root([]), usage["treeOfNone"])
    for one in answers["destination"]:
        parts = bytes.fromhex(one["salt"]), canonical(one["payee"])
        found = purpose_hash("fairweight/destination/v1", *parts).hex()
        tally.same("destination", found, one["destination"])


def check_disputes(answers: dict, tally: Tally) -> None:
    for one in answers["disputeFindings"]:
        found = purpose_hash("fairweight/dispute-findings/v1", canonical(one["findings"])).hex()
        tally.same("dispute findings", found, one["digest"])


def sums(leaves: list[dict]) -> list[tuple[int, bytes]]:
    return [(int(one["sum"]), bytes.fromhex(one["digest"])) for one in leaves]


def check_serving(answers: dict, tally: Tally) -> None:
    invoice = answers["invoice"]
    said = {name: value for name, value in invoice["invoice"].items() if name not in ("key_id", "signature")}
    tally.same("invoice", purpose_hash("fairweight/invoice/v1", canonical(said)).hex(), invoice["digest"])
    counted = purpose_hash("fairweight/invoice-receipts/v1", canonical(sorted(invoice["receipts"])))
    tally.same("receipts of an invoice", counted.hex(), invoice["receiptsDigest"])
    receipt = answers["servingReceipt"]
    tally.same("serving receipt", digest_of(receipt["receipt"]), receipt["digest"])
    stream = answers["streamMarks"]
    tally.same("request", f"sha256:{sha256(stream['request'].encode()).hex()}", stream["requestHash"])
    named = {
        "keyset": stream["keysetDigest"],
        "receipt_id": stream["receiptId"],
        "request": stream["requestHash"],
    }
    chain = purpose_hash("fairweight/stream/v1", canonical(named))
    tally.same("start of the stream", chain.hex(), stream["start"])
    for at, one in enumerate(stream["segments"]):
        chain = sha256(chain, sha256(one["segment"].encode()))
        tally.same(f"stream after segment {at}", chain.hex(), one["chain"])


def main() -> int:
    file = json.loads(FILE.read_text(encoding="utf-8"))
    answers = file["answers"]
    tally = Tally()
    check_statements(file, tally)
    check_keyset(answers["keyset"], tally)
    check_aci(answers["aci"], tally)
    check_policy(answers["policy"], tally)
    check_bundle(answers["bundle"], tally)
    check_data(answers, tally)
    check_sums(answers, tally)
    check_serving(answers, tally)
    check_disputes(answers, tally)
    for line in tally.differ:
        print(line, file=sys.stderr)
    print(f"{tally.agreed} agree, {len(tally.differ)} differ")
    return 1 if tally.differ else 0


if __name__ == "__main__":
    sys.exit(main())
