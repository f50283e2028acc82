"""For every test: its own cache, warnings as errors, golden texts, slow tests left out unless asked for."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BACKENDS = HERE.parent / "backends"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the expected texts anew, for review"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", 'slow: minutes of compilation; run with -m "slow or not slow"'
    )
    config.addinivalue_line("markers", "device: needs an NVIDIA GPU; run with -m device")
    if not config.option.markexpr:
        config.option.markexpr = "not slow and not device"
    elif "device" not in config.option.markexpr:
        config.option.markexpr = f"({config.option.markexpr}) and not device"
    # CUDA kernels run in the simulator, but for the tests that need a GPU. Numba reads this when it is imported.
    if config.option.markexpr != "device":
        os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
    # Results must not depend on threads: have some, on any machine. Numba reads this when it is imported.
    os.environ.setdefault("NUMBA_NUM_THREADS", "3")
    # What third parties warn about is theirs; our modules and tests may not cause a warning.
    config.addinivalue_line("filterwarnings", "error")
    config.addinivalue_line("filterwarnings", "ignore:::(?!snc|test_|networks|conftest|__main__)")


def kernels(config: pytest.Config, fallback: Path) -> Path:
    """A folder of compiled kernels that outlives the run, for exactly these sources of the backends.

    A compiler's cache does not see that a function it has inlined from another file was changed, so
    other sources get another folder.
    """
    if not hasattr(config, "cache"):  # pytest was told to keep nothing
        fallback.mkdir()
        return fallback
    digest = hashlib.sha256()
    for path in sorted(BACKENDS.rglob("*.py")):
        digest.update(path.read_bytes())
    mine = config.cache.mkdir("snc-kernels") / digest.hexdigest()[:16]
    if getattr(config, "workerinput", {}).get("workerid", "gw0") == "gw0":
        week_ago = time.time() - 7 * 24 * 3600  # younger ones may be in use by another run
        for old in mine.parent.iterdir():
            if old != mine and old.stat().st_mtime < week_ago:
                shutil.rmtree(old, ignore_errors=True)
    mine.mkdir(exist_ok=True)
    return mine


@pytest.fixture(scope="session", autouse=True)
def snc_cache(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Not the user's cache: a new folder in which only compiled kernels are older than this run."""
    folder = tmp_path_factory.mktemp("snc-cache")
    (folder / "kernels").symlink_to(kernels(request.config, folder / "own"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNC_CACHE", str(folder))
        patch.setenv("SNC_COMPILERS", "1")  # there are as many workers as cores already
        yield folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Path], None]:
    """golden(text, path): the text equals that of the file, which `--update-golden` writes anew."""

    def check(text: str, path: Path) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), (
            f"no {path}: make it with `pytest --update-golden {request.node.nodeid}`"
        )
        assert text == path.read_text(encoding="utf-8")

    return check
