"""The tests. `tests.typechecker` is imported here because the jaxtyping hook needs it in place."""

from tests import typechecker as typechecker
