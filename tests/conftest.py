"""Settings that every test shares. Imports nothing of posenc_lib: the shape checker comes first."""

import os
import sys

import pytest
from hypothesis import settings

settings.register_profile("posenc", deadline=None, max_examples=60)
settings.register_profile("ci", parent=settings.get_profile("posenc"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "posenc")


@pytest.fixture(autouse=True)
def one_torch_thread():
    """Keep sums in one order, without making tests import torch that do not need it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def sent(monkeypatch):
    """Every message that any widget sends, as (widget, keys of its state, bytes of buffers)."""
    import ipywidgets

    messages = []

    def record(widget, message, buffers=None):
        size = sum(memoryview(b).nbytes for b in buffers or ())
        messages.append((widget, set(message.get("state", ())), size))

    monkeypatch.setattr(ipywidgets.Widget, "_send", record)
    return messages
