"""The notebooks as pages and as slides that need neither a kernel nor a network."""
