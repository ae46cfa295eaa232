"""GGUF files: found, read, catalogued, weighed against memory, and made known to Ollama without a copy."""
