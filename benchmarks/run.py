#!/usr/bin/env python3
"""Time snc against a peer: `python benchmarks/run.py WORKLOAD...`, with the Python that snc is installed for.

Makes an environment for the peer, makes the batch file, compares one step's gradients and updates, and only if they
agree takes times: snc and peer in turns, on the same number of threads, or with `--device cuda` on the same GPU.
Prints the ratio of medians and keeps all figures in FOLDER/WORKLOAD_RATE.json; `--page` writes the table and the
plot of docs/benchmarks.md from what is there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from snc.backend import find

HERE = Path(__file__).resolve().parent
SPECS = HERE.parent / "specs" / "bench"
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
GRADIENT, UPDATE, RATE = 1e-6, 1e-6, 2e-3
"""How far gradients may differ, of each array's largest; updates, in weights whose gradient is larger; and rates.

Gradients are compared in double precision: in single precision a spike more or less, after another order of a sum,
changes all that follows. Rates are compared of what is timed.
"""


TORCH = ("torch==2.13.0", "h5py", "numpy")
SNNTORCH = ("snntorch==1.0.0", *TORCH)
BRAINTRACE = ("braintrace==0.2.6", "jax==0.10.2", "optax", "h5py", "numpy")


@dataclass(frozen=True)
class Workload:
    """A spec, the script of its peer, and the formulations of the peer, the strongest first."""

    script: str
    formulations: tuple[str, ...]
    batch: str
    packages: tuple[str, ...] = TORCH
    learns: bool = True
    every_step: bool = False
    file: str = ""
    """The file of the spec, where it is not named like the workload; the experiment always is."""
    writes: tuple[str, ...] = ()
    """What the peer is told besides, when it makes the batch file."""
    devices: tuple[str, ...] = ("cpu", "cuda")


WORKLOADS = {
    "stllr_shd": Workload("torch_shd.py", ("batched", "online"), "shd"),
    "bptt_shd": Workload("torch_shd.py", ("bptt",), "shd"),
    "tp_shd": Workload("torch_tp.py", ("by_hand", "autograd", "layerwise"), "tp", every_step=True),
    "stllr_vgg9": Workload("torch_vgg9.py", ("stllr",), "vgg9"),
    "tess_vgg9": Workload("torch_vgg9.py", ("tess",), "vgg9"),
    "infer_vgg9": Workload("torch_vgg9.py", ("infer",), "vgg9", learns=False),
    "snntorch_shd": Workload("snntorch_shd.py", ("hoisted", "stepwise"), "shd", SNNTORCH),
    "pp_shd": Workload(
        "braintrace_shd.py", ("batched", "vmapped"), "pp", BRAINTRACE, devices=("cpu",)
    ),
    "pp_shd_recurrent": Workload(
        "braintrace_shd.py", ("batched", "vmapped"), "pp_recurrent", BRAINTRACE, file="pp_shd",
        writes=("--recurrent",), devices=("cpu",),
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument(
        "--page", action="store_true", help="only write the page from the results that are there"
    )
    parser.add_argument(
        "--folder", type=Path, default=HERE / "work", help="environments, batch files, results"
    )
    parser.add_argument(
        "--python", type=Path, help="the peer's interpreter, instead of making an environment"
    )
    parser.add_argument(
        "--rate", type=float, default=0.1, help="spikes in each hidden layer of VGG-9"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5, help="runs of each in a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="for both sides")
    args = parser.parse_args()
    if not (args.workloads or args.page) or not WORKLOADS.keys() >= {*args.workloads}:
        parser.error(f"name a WORKLOAD ({', '.join(WORKLOADS)}), or say --page")
    if args.workloads and (missing := find(args.device).unavailable()):
        sys.exit(f"nothing was measured on --device {args.device}: {missing}")
    if others := [n for n in args.workloads if args.device not in WORKLOADS[n].devices]:
        sys.exit(
            f"nothing was measured: there is no peer on --device {args.device} for {', '.join(others)}"
        )
    for name in args.workloads:
        measure(name, args)
    if args.page:
        write_page(args.folder)


def measure(name: str, args: argparse.Namespace) -> None:
    """Check, then time, one workload, and keep the figures."""
    workload, folder = WORKLOADS[name], args.folder
    folder.mkdir(parents=True, exist_ok=True)
    python = args.python or environment(folder, workload)
    peer = [str(python), str(HERE / "peers" / workload.script)]
    batch = folder / f"{workload.batch}_{args.rate:g}.h5"
    threads = ("--threads", str(args.threads))
    if not batch.exists():
        call([*peer, batch, "--write", *workload.writes, "--rate", args.rate, *threads])
    spec = f"{SPECS / (workload.file or name)}.snc:{name}"
    ours, theirs = (*threads, "--backend", args.device), (*threads, "--device", args.device)
    agreement = {
        f: check(spec, batch, peer, f, folder, workload, ours, theirs)
        for f in workload.formulations
    }
    times: dict[str, list[float]] = {"snc": [], **{f: [] for f in workload.formulations}}
    found: dict[str, dict] = {}
    for _ in range(args.rounds):
        found["snc"] = snc(
            "bench", spec, "--batch", batch, "--repeat", args.repeat, *ours, "--json"
        )
        times["snc"] += found["snc"]["times"]
        for form in workload.formulations:
            found[form] = call(
                [*peer, batch, "--formulation", form, "--repeat", args.repeat, *theirs]
            )
            times[form] += found[form]["times"]
    for form in workload.formulations:  # evaluated or learned: the same neurons must have fired
        agreement[form] = (agreement[form] + "; " if agreement[form] else "") + same_rates(
            name, found, form
        )
    medians = {who: float(np.median(values)) for who, values in times.items()}
    result = {
        "workload": name, "medians": medians, "times": times, "agreement": agreement,
        "ratios": {f: medians[f] / medians["snc"] for f in workload.formulations},
        "rates": found["snc"]["rates"], "peer_rates": {f: found[f]["rates"] for f in workload.formulations},
        "peak_memory_bytes": {who: one["peak_memory_bytes"] for who, one in found.items()},
        "device": found[workload.formulations[0]]["device"], "threads": args.threads,
        "versions": {who: one["versions"] for who, one in found.items()},
    }  # fmt: skip
    where = "" if args.device == "cpu" else f"_{args.device}"
    (folder / f"{name}_{args.rate:g}{where}.json").write_text(json.dumps(result, indent=1))
    rates = " ".join(f"{n} {r:.3f}" for n, r in result["rates"].items())
    print(f"{name}: snc {medians['snc']:.4f} s; rates {rates}")
    for form, ratio in result["ratios"].items():
        print(
            f"  peer, {form}: {medians[form]:.4f} s, {ratio:.2f} times as long; {agreement[form]}"
        )


def environment(folder: Path, workload: Workload) -> Path:
    """The interpreter of the peer's own environment, made if it is not there."""
    home = folder / ("env_" + "_".join(p.partition("=")[0] for p in workload.packages))
    python = home / "bin" / "python"
    if not python.exists():
        call([sys.executable, "-m", "venv", home], answer=False)
        call([python, "-m", "pip", "install", "--quiet", *workload.packages], answer=False)
    return python


def check(spec, batch, peer, formulation, folder, workload, here, there) -> str:
    """In words how well one step of both agrees; exits if it does not."""
    if not workload.learns:
        return ""
    ours, theirs = folder / "ours.h5", folder / "theirs.h5"
    snc("run", spec, "--batch", batch, "--out", ours, *here, "--dtype", "float64", "--json")
    call(
        [
            *peer,
            batch,
            "--formulation",
            formulation,
            "--repeat",
            0,
            "--out",
            theirs,
            *there,
            "--dtype",
            "float64",
        ]
    )
    with h5py.File(ours) as a, h5py.File(theirs) as b, h5py.File(batch) as first:
        names = [f"{x}/{y}" for x in a["gradient"] for y in a[f"gradient/{x}"]]
        differences = [differing(n, a, b, first) for n in names]
    worst, moved = (max(d[k] for d in differences) for k in (0, 1))
    if not (worst < GRADIENT and moved < UPDATE):
        name = spec.rpartition(":")[2]
        sys.exit(
            f"{name}, {formulation}: gradients differ by {worst:.1e}, updates by {moved:.1e}; not timed"
        )
    if workload.every_step:
        return f"the first gradients agree to {worst:.1e}"
    return f"gradients agree to {worst:.1e}, updates to {moved:.1e}"


def differing(name: str, a: h5py.File, b: h5py.File, first: h5py.File) -> tuple[float, float]:
    """How far gradients and updates of one array differ: of the largest, in weights that are not near 0.

    Adam's first step is the sign of the gradient: where the gradient is within the tolerance of 0, the sign is noise.
    Of updates at every step the first gradients are compared; from the second on they tell of the updates before.
    """
    theirs = b[f"gradient_per_step/{name}"][()]
    ours = a[f"gradient_per_step/{name}"][: len(theirs)]
    if len(ours) != len(theirs):
        sys.exit(f"{name} is updated {len(ours)} times by snc, {len(theirs)} times by the peer")
    if len(ours) > 1:
        largest = np.abs(ours).reshape(len(ours), -1).max(1)
        apart = np.abs(ours - theirs).reshape(len(ours), -1).max(1)
        if not largest[-1]:
            sys.exit(f"nothing is learned in {name}: there is nothing to compare")
        return float((apart / np.maximum(largest, 1e-30)).max()), 0.0
    ours, theirs = ours[0], theirs[0]
    largest = np.abs(ours).max()
    clear = np.abs(ours) > 1e3 * GRADIENT * largest
    start = first[f"params/{name}"][()]
    moved, moved_there = (f[f"params_after/{name}"][()] - start for f in (a, b))
    if not largest or not np.abs(moved).max():
        sys.exit(f"nothing is learned in {name}: there is nothing to compare")
    apart = np.abs(moved - moved_there)[clear].max() / np.abs(moved).max()
    return float(np.abs(ours - theirs).max() / largest), float(apart)


def same_rates(name: str, found: dict[str, dict], form: str) -> str:
    """In words how well the rates of all populations agree; exits if they do not.

    snc counts them before anything is learned: with updates at every step they may be others.
    """
    ours, theirs = found["snc"]["rates"], found[form]["rates"]
    apart = max(abs(ours[n] - theirs.get(n, 1)) for n in ours)
    if WORKLOADS[name].every_step:
        return f"rates while learning differ by {apart:.0e}"
    if not (apart < RATE and ours.keys() == theirs.keys()):
        sys.exit(
            f"{form}: the rates differ by {apart:.1e}, {ours} and {theirs}; nothing is reported"
        )
    return f"rates to {apart:.0e}"


def snc(*words) -> dict:
    return call([sys.executable, "-m", "snc", *words])


def call(words, answer: bool = True) -> dict:
    """Run a command; its last line as JSON."""
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, words))}")
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if answer and lines else {}


def write_page(folder: Path) -> None:
    """The table and the plot of docs/benchmarks.md, from the results in a folder."""
    rows = [
        "| workload | snc | peer | peer takes | spikes | agreement before timing |",
        "|---|---|---|---|---|---|",
    ]
    bars = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        shares = result["rates"].values()
        rates = (
            f"{min(shares):.1%} to {max(shares):.1%}" if len(shares) > 1 else f"{max(shares):.1%}"
        )
        for form, ratio in result["ratios"].items():
            ours, theirs = result["medians"]["snc"], result["medians"][form]
            device = result.get("device", "cpu")
            name = f"{result['workload']}, {form}" + (f", {device}" if device != "cpu" else "")
            bars[f"{name}, {rates}"] = ratio
            rows.append(
                f"| {name} | {ours:.3f} s | {theirs:.3f} s | {ratio:.2f} x | {rates} | {result['agreement'][form]} |"
            )
    if not bars:
        sys.exit(f"there are no results in {folder}")
    plot(bars, PAGE.with_name("benchmarks.svg"))
    text = PAGE.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    figures = "\n".join(
        ["", *rows, "", "![How many times as long the peers take](benchmarks.svg)", ""]
    )
    PAGE.write_text(f"{before}{BEGIN}{figures}{END}{after}")


def plot(bars: dict[str, float], path: Path) -> None:
    import matplotlib  # only this needs it

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "snc"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.4 * len(bars)))
    axes.barh([*bars][::-1], [*bars.values()][::-1], color="#4878a8")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("time of the peer / time of snc (medians)")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
