"""ORAC Bench: one measuring recipe for language models on small boards.

What lives here: the version, and nothing that runs. `docs/architecture.md` draws the parts.
"""

__version__ = "0.1.0"
