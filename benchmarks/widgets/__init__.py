"""The live panels, timed and weighed in Chromium against a real JupyterLab."""
