"""`snc` and `python -m snc`."""

from __future__ import annotations

import os
import signal
from typing import Any

STOPPED = 130


def main() -> None:
    """Run the command line. A Ctrl-C while it is being imported ends it without a word."""
    before = signal.signal(signal.SIGINT, _quit)
    from snc.cli import main as command  # here, so that the line above comes first

    signal.signal(signal.SIGINT, before)
    try:
        command(prog_name="snc")
    finally:  # it ends now: another Ctrl-C must not break into that
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _quit(*_: Any) -> None:
    os._exit(STOPPED)


if __name__ == "__main__":
    main()
