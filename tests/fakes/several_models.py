"""An Ollama with several models that answers at once: it knows what is loaded, and counts as real ones do.

For examples that need models by their names and no truth: a token takes it a tenth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.fakes.fake_ollama import FakeOllama, Reply, Request, answer, error_reply, final, json_reply, stream

TOKEN_NS = 100_000


class SeveralModels(FakeOllama):
    """Has the models `names`, of the architecture llama, with a context of 4096 tokens."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__({"GET /api/version": [json_reply({"version": "0.11.4"})]})
        self._names = tuple(names)
        self._loaded: dict[str, None] = {}

    def answer_to(self, request: Request) -> Reply:
        """As the model that is asked for would; anything else as the fake's script says."""
        said = request.json if isinstance(request.json, dict) else {}
        name = str(said.get("model", "")).removesuffix(":latest")
        if request.path == "/api/tags":
            return json_reply({"models": [self._listed(name) for name in self._names]})
        if request.path == "/api/ps":
            return json_reply({"models": [self._listed(name) for name in tuple(self._loaded)]})
        if request.path in ("/api/show", "/api/generate") and name not in self._names:
            return error_reply(404, f"model '{name}' not found")
        if request.path == "/api/show":
            return json_reply({"model_info": {"llama.context_length": 4096}, "capabilities": ["completion"]})
        return self._generated(name, said) if request.path == "/api/generate" else super().answer_to(request)

    def _generated(self, name: str, said: dict[str, object]) -> Reply:
        if said.get("keep_alive") == 0:
            self._loaded.pop(name, None)
        else:
            self._loaded = {name: None}
        words = str(said.get("prompt") or "").split()
        if not words:
            return json_reply(final(model=name, done_reason="load"))
        options = said.get("options")
        tokens = int(options.get("num_predict", 8)) if isinstance(options, dict) else 8
        end = final(
            model=name,
            prompt_eval_count=len(words) + 1,
            prompt_eval_duration=(len(words) + 1) * TOKEN_NS // 10,
            eval_count=tokens,
            eval_duration=max(1, tokens - 1) * TOKEN_NS,
        )
        return stream(
            answer([f" {number}" for number in range(tokens)], end=end), first_s=0.001, every_s=TOKEN_NS / 1e9
        )

    def _listed(self, name: str) -> dict[str, object]:
        details = {"family": "llama", "quantization_level": "Q4_K_M"}
        return {
            "name": f"{name}:latest" if ":" not in name else name,
            "digest": f"sha256:{name}",
            "size": 10**6,
            "size_vram": 0,
            "context_length": 4096,
            "details": details,
        }
