"""The run-time type checker that the tests put on posenc_lib: beartype, an int counts as a float.

Used as `--jaxtyping-packages=posenc_lib,tests.typechecker.typechecker`.
"""

from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
