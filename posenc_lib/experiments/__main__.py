"""Train the full version of the experiments and write the results that ship with the library.

python -m posenc_lib.experiments [--jobs 2] [--missing] [extrapolation digits:pixels ...]
"""

from __future__ import annotations

import argparse
import sys
import time

from posenc_lib.experiments import FULL, run_full


def main(arguments: list[str] | None = None) -> int:
    """Run the experiments that are named, all of them if none is."""
    parser = argparse.ArgumentParser(prog="python -m posenc_lib.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(FULL)}; or name:task")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--missing", action="store_true", help="only what is not stored yet")
    chosen = parser.parse_args(arguments)
    for wanted in chosen.names or FULL:
        name, _, task = wanted.partition(":")
        start = time.perf_counter()
        try:
            path = run_full(
                name, [task] if task else None, jobs=chosen.jobs, missing=chosen.missing
            )
        except (ValueError, PermissionError) as error:
            parser.error(str(error))
        print(f"{wanted}: {path.name} after {time.perf_counter() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
