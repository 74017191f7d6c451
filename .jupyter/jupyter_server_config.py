"""How posenc starts JupyterLab: quiet, offline, and quick under a slider.

`make lab` and the Binder image both read this file, so it holds only what is right for both.
"""

import functools
import logging
import os
import sys

c = get_config()  # noqa: F821 - traitlets provides it

# No news feed, no update check, no extension catalogue: the server asks nobody for anything.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# Without a screen, only print the address (a text browser cannot show JupyterLab).
if sys.platform.startswith("linux") and not any(
    os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
):
    c.ServerApp.open_browser = False


def send_at_once(handler: type | None = None) -> None:
    """Switch Nagle's algorithm off on the kernel's websocket.

    With it a small message may wait for the answer to the one before, about 40 ms that a learner
    sees while dragging a slider. jupyter_server has no setting for it, so `open` is wrapped; its
    result and its exceptions pass through as they are, and a socket that refuses is only logged.
    """
    if handler is None:
        from jupyter_server.services.kernels.websocket import KernelWebsocketHandler as handler

    plain_open = handler.open

    @functools.wraps(plain_open)
    def open_without_delay(self, *args, **kwargs):
        try:
            self.set_nodelay(True)
        except Exception as problem:
            logging.getLogger("posenc").warning("sliders may lag a little: %r", problem)
        return plain_open(self, *args, **kwargs)  # a coroutine or not: tornado takes both

    if not hasattr(plain_open, "sends_at_once"):  # once is enough
        open_without_delay.sends_at_once = True
        handler.open = open_without_delay


try:
    send_at_once()
except Exception as problem:  # another server version: slower sliders, nothing worse
    print(f"posenc: sliders may lag a little ({problem!r})", file=sys.stderr)
