"""Fuzzing one target, guided by the coverage of our code: `python -m fuzz.one TARGET SECONDS`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

KEPT = Path(__file__).parents[2] / ".fuzz"
INPUT_SECONDS, MEMORY_MEBIBYTES, INPUT_BYTES = 10, 3_000, 4_096


def main(name: str, seconds: int) -> None:
    """Run a target for so long; ends the process, with 0 where the target stands."""
    import atheris  # only this process needs it, and what it is to watch is imported behind it

    with atheris.instrument_imports(include=["handback"], enable_loader_override=False):
        from fuzz.targets import targets
    target = targets()[name]
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "timeout": INPUT_SECONDS,
        "rss_limit_mb": MEMORY_MEBIBYTES,
        "max_len": max(INPUT_BYTES, *map(len, target.seeds)),
        "artifact_prefix": f"{KEPT}{os.sep}{name}-",
    }
    arguments = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup(["fuzz", *arguments, str(corpus)], target.try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
