"""Ollama: finding it, supervising it, talking to it, and reading what it streams."""
