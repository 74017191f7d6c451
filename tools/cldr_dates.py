"""Writes posenc_lib/data/dates.json: how five languages write a full date, from Babel's CLDR data.

For each language the pattern of the full date, the names of the months and of the weekdays, Monday
first. The strings of CLDR change from one version to the next, so the file is frozen and says which
versions it is from. Babel comes with JupyterLab; nothing else here needs it:

    .venv/bin/python tools/cldr_dates.py

Put the checksum that it prints into `posenc_lib/data/README.md` and `experiments/data/dates.py`.
"""

import hashlib
import json
from pathlib import Path

import babel
from babel.core import get_cldr_version

TARGET = Path(__file__).parents[1] / "posenc_lib" / "data" / "dates.json"
LANGUAGES = {"en": "English", "de": "German", "fr": "French", "hu": "Hungarian", "ja": "Japanese"}


def described(code):
    """What CLDR says of the full date of one language."""
    locale = babel.Locale.parse(code)
    names = locale.months["format"]["wide"], locale.days["format"]["wide"]
    months, weekdays = ([found[number] for number in sorted(found)] for found in names)
    pattern = locale.date_formats["full"].pattern
    return {"pattern": pattern, "months": months, "weekdays": weekdays}


def main():
    found = {
        "source": f"CLDR {get_cldr_version()}, as Babel {babel.__version__} carries it",
        "languages": {name: described(code) for code, name in LANGUAGES.items()},
    }
    content = (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()
    TARGET.write_bytes(content)
    print(hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
