"""Every row of the configuration and ablation tables, and what is printed for it.

Typed from the tables, not from the specs: collection -> row -> (source, numbers). A number is
(case, mean, spread); the case is what the row varies, as `name = value` pairs joined by `, `.
"""

from __future__ import annotations

Number = tuple[str, str, str]


def _one(mean: str, spread: str = "") -> list[Number]:
    return [("", mean, spread)]


def _over(name: str, **cells: str) -> list[Number]:
    """Cells by value; `zero`, `plus` and `minus` stand for 0, 1 and -1."""
    values = {"zero": "0", "plus": "1", "minus": "-1"}
    found = []
    for value, text in cells.items():
        mean, _, spread = text.partition("+-")
        found.append((f"{name} = {values.get(value, value)}", mean.strip(), spread.strip()))
    return found


def _grid(*lines: tuple[str, str, str, str]) -> list[Number]:
    """A table of slopes against alpha_post 0, 1, -1."""
    found = []
    for slope, *cells in lines:
        for value, text in zip(("0", "1", "-1"), cells, strict=True):
            mean, spread = text.split("+-")
            found.append((f"surrogate = {slope}, alpha_post = {value}", mean, spread))
    return found


def _flow(*cells: str) -> list[Number]:
    return [("", cell, "") for cell in cells]


STLLR = {
    "G1": ("Table 3", _one("95.58", "1.08")),
    "G2": ("Table 3", _one("97.72", "0.38")),
    "G3": ("Table 3", _one("94.92", "0.38")),
    "G4": ("Table 3", _one("94.92", "0.61")),
    "C1": ("Table 3", _one("75.44", "0.76")),
    "C2": ("Table 3", _one("73.93", "0.62")),
    "C3": ("Table 3", _one("75.60", "0.10")),
    "C4": ("Table 3", _one("74.80", "0.15")),
    "C5": ("Table 3", _one("72.68", "0.87")),
    "C6": ("Table 3", _one("71.94", "0.75")),
    "C7": ("Table 3", _one("74.50", "0.64")),
    "N1": ("Table 3", _one("65.92", "0.82")),
    "N2": ("Table 3", _one("66.058", "0.92")),
    "N3": ("Table 3", _one("60.89", "0.89")),
    "N4": ("Table 3", _one("61.65", "0.99")),
    "S1": ("Table 3", _one("70.57", "0.96")),
    "S2": ("Table 3", _one("78.24", "1.84")),
    "S3": ("Table 3", _one("74.60", "0.52")),
    "F1": ("Table 4", _flow("0.50", "0.76", "1.19", "1.00")),
    "F2": ("Table 4", _flow("0.54", "0.78", "1.28", "1.09")),
    "F3": ("Table 4", _flow("0.50", "0.77", "1.25", "1.08")),
    "F4": ("Table 4", _flow("0.45", "0.76", "1.17", "1.02")),
    "A1": (
        "Table 2",
        _over("alpha_post", zero="94.61+-0.73", plus="94.01+-1.10", minus="95.07+-0.48"),
    ),
    "A2": (
        "Table 2",
        _over("alpha_post", zero="72.93+-0.94", plus="73.42+-0.50", minus="73.93+-0.62"),
    ),
    "A3": (
        "Table 2",
        _over("alpha_post", zero="62.24+-1.22", plus="53.42+-1.50", minus="66.33+-0.86"),
    ),
    "A4": (
        "Table 2",
        _over("alpha_post", zero="77.09+-0.33", plus="78.23+-1.84", minus="74.69+-0.47"),
    ),
    "A5-gesture": (
        "Table 5",
        _grid(
            ("fast", "73.61+-2.92", "81.89+-5.13", "65.45+-2.92"),
            ("triangle", "94.61+-0.73", "94.01+-1.10", "95.07+-0.48"),
            ("logistic", "94.46+-0.45", "94.46+-0.45", "95.85+-0.66"),
        ),
    ),
    "A5-ncaltech101": (
        "Table 5",
        _grid(
            ("fast", "35.11+-0.40", "37.19+-1.17", "28.53+-0.56"),
            ("triangle", "63.34+-0.96", "54.07+-2.37", "66.05+-0.92"),
            ("logistic", "62.24+-1.22", "53.42+-1.50", "66.33+-0.86"),
        ),
    ),
    "A5-shd": (
        "Table 5",
        _grid(
            ("fast", "77.09+-0.33", "78.23+-1.84", "74.69+-0.47"),
            ("triangle", "76.25+-0.44", "76.28+-0.25", "74.40+-0.59"),
            ("logistic", "75.22+-0.79", "76.29+-0.25", "74.46+-0.65"),
        ),
    ),
    "A6-gesture": ("figure on feedback and alpha_post", []),
    "A6-shd": ("figure on feedback and alpha_post", []),
    "A7": ("figure on lambda_pre", []),
    "A8-vgg9": (
        "Table 3",
        [("window = 5 steps", "73.93", "0.62"), ("window = 10 steps", "75.60", "0.10")],
    ),
    "A8-resnet18": (
        "Table 3",
        [("window = 5 steps", "71.94", "0.75"), ("window = 10 steps", "74.50", "0.64")],
    ),
    "A9-stllr": ("figure on GPU memory", []),
    "A9-bptt": ("figure on GPU memory", []),
}


def _tess(
    name: str, table: tuple[str, str, str], ablation: tuple[str, str, str]
) -> dict[str, object]:
    rows: dict[str, object] = {}
    for kind, cell in zip(("TESS", "STLLR", "BPTT"), table, strict=True):
        rows[f"{name}-{kind}"] = ("Table III", _one(*cell.split("+-")))
    rows[f"{name}-released"] = ("script.sh of the release", [])
    for word, value, cell in zip(
        ("minus", "zero", "plus"), ("-1", "0", "1"), ablation, strict=True
    ):
        mean, spread = cell.split("+-")
        rows[f"{name}-{word}"] = ("Table II", [(f"alpha_post = {value}", mean, spread)])
    return rows


TESS = {
    **_tess(
        "C10",
        ("92.55+-0.16", "91.88+-0.28", "92.55+-0.06"),
        ("89.93+-0.31", "91.99+-0.19", "92.55+-0.16"),
    ),
    **_tess(
        "C100",
        ("70.00+-0.34", "68.00+-0.71", "69.28+-0.37"),
        ("62.49+-1.05", "68.19+-0.55", "70.00+-0.34"),
    ),
    **_tess(
        "DVSC10",
        ("75.00+-0.65", "75.14+-1.37", "76.40+-0.66"),
        ("75.00+-0.69", "75.00+-0.65", "74.36+-0.87"),
    ),
    **_tess(
        "DVSG",
        ("98.56+-0.31", "98.48+-0.37", "97.95+-0.68"),
        ("98.56+-0.41", "98.33+-0.57", "98.56+-0.31"),
    ),
}

LOG = "log of the release"
TP = {
    "NMNIST-TP": ("Table 1", _one("97.33", "0.06")),
    "NMNIST-BPTT": (LOG, _one("98.45", "0.04")),
    "SHDFF-TP": (LOG, _one("67.06", "0.96")),
    "SHDFF-BPTT": (LOG, _one("75.86", "0.31")),
    "SHDREC-TP": (LOG, _one("81.80", "0.51")),
    "SHDREC-BPTT": (LOG, _one("83.23", "1.00")),
    "GESTURE-TP": (LOG, _one("98.18", "0.15")),
    "GESTURE-BPTT": (LOG, _one("98.56", "0.15")),
    "CIFAR10DVS-TP": (LOG, _one("71.62", "0.31")),
    "GSC-0": ("Figure 3", _one("81.62", "2.20")),
    "GSC-1": ("Figure 3", [("shots = 1", "91.62", "2.08")]),
    "GSC-5": ("Figure 3", [("shots = 5", "93.38", "1.95")]),
    "GSC-all": ("Figure 3", [("shots = all", "97.30", "1.05")]),
    "GSC-scratch": ("script of the release", []),
}

ROWS = {"stllr": STLLR, "tess": TESS, "tp": TP}
