"""`make bench`: every benchmark, or those named: `python -m bench imports bases linkage`; `BENCHMARKS` lists them."""

from __future__ import annotations

import subprocess
import sys

#: Name and arguments of each benchmark; each runs in a process of its own, so that its peak memory is its own.
BENCHMARKS = {
    "imports": ["bench.imports"],
    "bases": ["bench.bases"],
    "many": ["bench.many"],
    "linkage": ["bench.linkage", "--people", "100000"],
    "marts": ["bench.marts"],
    "quality": ["bench.quality"],
    "hygiene": ["bench.hygiene"],
    "extract": ["bench.extract"],
    "formats": ["bench.formats"],
    "dnc": ["bench.dnc"],
    "scrub": ["bench.scrub"],
}


def main() -> int:
    """Run the benchmarks; the first that fails ends it."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.stderr.write(f"No benchmark {', '.join(sorted(unknown))}. There are: {', '.join(BENCHMARKS)}.\n")
        return 2
    for name in names:
        sys.stdout.write(f"--- {name}\n")
        sys.stdout.flush()
        code = subprocess.run([sys.executable, "-W", "ignore", "-m", *BENCHMARKS[name]], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
