"""Checkpoints: a standing to and from one HDF5 file, complete or not there.

attributes  schema, meta (JSON: identity, phase, epoch, batch, sums, plateaus, history, spent),
            digest (over meta and all arrays)
/store/<name>   every array that outlives a sequence
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snc.diagnostics import DataError
from snc.engine.files import replacing
from snc.engine.measure import Sums
from snc.engine.schedule import Plateau
from snc.engine.standing import EpochRecord, Standing, best
from snc.module import Store

SCHEMA = 1


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to: to go on, the first five must agree; for equal bits, all."""

    spec: str
    data: str
    seed: int
    dtype: str
    limit: int | None
    program: str
    backend: str
    versions: dict[str, str] = field(default_factory=dict)


def save(path: Path, identity: Identity, standing: Standing) -> None:
    """Write a checkpoint in place of the former one."""
    meta = json.dumps({"identity": asdict(identity), **_plain(standing)})
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["digest"] = _digest(meta, standing.store)
        # A string attribute must stay under 64 KiB, which a long history does not.
        file.create_dataset("meta", data=np.frombuffer(meta.encode(), dtype=np.uint8))
        group = file.create_group("store", track_order=True)
        for name, array in standing.store.items():
            group.create_dataset(name, data=array)


def load(path: Path, expected: Identity) -> Standing:
    """Read a checkpoint of the run `expected`.

    Raises DataError: no-checkpoint, damaged-checkpoint, newer-checkpoint, other-spec, other-data,
    other-settings.
    """
    identity, standing = read(path)
    _refuse_other(path, identity, expected)
    return standing


def read(path: Path) -> tuple[Identity, Standing]:
    """Read a checkpoint, whatever run it belongs to. Raises DataError as `load` does."""
    if not path.exists():
        raise DataError("no-checkpoint", "there is no checkpoint here", place=str(path))
    try:
        with h5py.File(path, "r") as file:
            schema, digest = int(file.attrs["schema"]), str(file.attrs["digest"])
            if schema > SCHEMA:
                raise DataError(
                    "newer-checkpoint",
                    f"a newer snc wrote this checkpoint (schema {schema}, known is {SCHEMA})",
                    place=str(path),
                    help="install that version of snc to go on with this run",
                )
            meta = bytes(file["meta"][()]).decode()
            store = {name: np.asarray(item[()]) for name, item in file["store"].items()}
        if _digest(meta, store) != digest:
            raise ValueError("the checksum does not fit")
        return _standing(json.loads(meta), store)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = (str(error) or "unreadable").splitlines()[0]
        raise DataError(
            "damaged-checkpoint",
            f"the checkpoint is damaged: {reason}",
            place=str(path),
            help="delete the file to begin this trial anew",
        ) from None


def differences(path: Path, expected: Identity) -> list[str]:
    """What has changed since the checkpoint, so that last bits of the rest may differ."""
    identity, _ = read(path)
    notes = []
    if identity.backend != expected.backend:
        notes.append(f"the backend was `{identity.backend}` and is `{expected.backend}`")
    elif identity.program != expected.program:
        notes.append("the compiled program has changed")
    for name, version in sorted(identity.versions.items()):
        if expected.versions.get(name, version) != version:
            notes.append(f"{name} was {version} and is {expected.versions[name]}")
    return notes


def other_spec(path: Path) -> DataError:
    """That a checkpoint, or the folder of a run, is of another spec."""
    return DataError(
        "other-spec",
        f"the {'run' if path.is_dir() else 'checkpoint'} belongs to another spec, or the spec has changed since",
        place=str(path),
        help="`spec.snc` in the run folder is what was run; train into a new folder with --out",
    )


def _refuse_other(path: Path, found: Identity, expected: Identity) -> None:
    if found.spec != expected.spec:
        raise other_spec(path)
    if found.data != expected.data:
        raise DataError(
            "other-data",
            "the checkpoint was made with other data",
            place=str(path),
            help="the files under --data-root, or the pipeline that reads them, have changed",
        )
    for name, flag in (("seed", "--seed"), ("dtype", "--dtype"), ("limit", "--limit-batches")):
        was, now = getattr(found, name), getattr(expected, name)
        if was != now:
            raise DataError(
                "other-settings",
                f"the checkpoint was made with {flag} {was}, not {now}",
                place=str(path),
                help=f"resume with the same {flag}, or train into a new folder with --out",
            )


def _plain(standing: Standing) -> dict[str, Any]:
    last = [r for r in standing.history if r.phase == standing.history[-1].phase]
    return {
        "phase": standing.phase,
        "epoch": standing.epoch,
        "batch": standing.batch,
        "sums": asdict(standing.sums),
        "plateaus": {name: asdict(state) for name, state in standing.plateaus.items()},
        "history": [record.data() for record in standing.history],
        "best": best(last).data() if last else None,
        "spent": standing.spent,
        "names": list(standing.store),
    }


def _standing(meta: dict[str, Any], store: Store) -> tuple[Identity, Standing]:
    standing = Standing(
        store={name: store[name] for name in meta["names"]},
        phase=meta["phase"],
        epoch=meta["epoch"],
        batch=meta["batch"],
        sums=Sums(**meta["sums"]),
        plateaus={name: Plateau(**state) for name, state in meta["plateaus"].items()},
        history=[_record(record) for record in meta["history"]],
        spent=meta["spent"],
    )
    return Identity(**meta["identity"]), standing


def _record(plain: dict[str, Any]) -> EpochRecord:
    """A record of the history; what an older version noted besides is left out."""
    return EpochRecord(**{f.name: plain[f.name] for f in fields(EpochRecord)})


def _digest(meta: str, store: Store) -> str:
    digest = hashlib.blake2b(meta.encode(), digest_size=16)
    for name in sorted(store):
        array = np.asarray(store[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
