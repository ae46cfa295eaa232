"""What `POST /v1/prompt` asks of a model, checked against the bounds, and what became of it.

What must never live here: HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orac_bench.api.bounds import check_output, check_prompt
from orac_bench.api.house import House
from orac_bench.api.models import check_fits, in_memory, turn, visit
from orac_bench.candidates import Candidate
from orac_bench.metrics import RELOAD_S, Asked, round_metrics
from orac_bench.ollama.call import Call
from orac_bench.ollama.client import FOR_EVER, Loaded
from orac_bench.ollama.overflow import UNCUT, overflow
from orac_bench.records import Chunk, Generation, Json
from orac_bench.settings import Settings

Stop = Annotated[str, Field(min_length=1, max_length=1_000)]


class Options(BaseModel):
    """How the model shall write. What is left out is as the model was registered; no other option is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)

    temperature: float | None = Field(default=None, ge=0, le=10, description="0: always the likeliest token.")
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=1_000_000)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1, description="The same seed gives the same answer.")
    num_predict: int | None = Field(
        default=None,
        ge=1,
        le=2**20,
        description="Tokens at most; ORAC_OUTPUT_LIMIT_TOKENS is its bound and its default.",
    )
    stop: list[Stop] | None = Field(default=None, min_length=1, max_length=16, description="Words that end the answer.")
    repeat_penalty: float | None = Field(default=None, gt=0, le=10)


class Prompt(BaseModel):
    """A prompt for one model."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"model": "tinyllama", "prompt": "Why is the sky blue?", "options": {"num_predict": 64}}]
        },
    )

    model: str = Field(min_length=1, max_length=400, description="A model's name or one of its short names.")
    prompt: str = Field(min_length=1, description="Put into the model's own template. ORAC_PROMPT_LIMIT_B bounds it.")
    stream: bool = Field(default=False, description="Whether the answer comes as server-sent events.")
    options: Options | None = None


class Answered(BaseModel):
    """What the model wrote, and how long it took on the service's clock."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "tinyllama-1.1b-chat-v1.0.q4_k_m",
                    "response": "Because air scatters blue light more than red.",
                    "thinking": None,
                    "elapsed_ms": 912.3,
                    "ttft_ms": 142.8,
                    "load_ms": None,
                    "output_tokens": 11,
                    "tokens_per_s": 13.1,
                    "done_reason": "stop",
                }
            ]
        }
    )

    model: str
    response: str
    thinking: str | None = Field(description="What a thinking model wrote before its answer; null where it did not.")
    elapsed_ms: float = Field(description="From the request to Ollama to its final record, a load included.")
    ttft_ms: float | None = Field(description="To the first text, answer or thinking; null where none came.")
    load_ms: float | None = Field(description="What loading took; null where the model was in memory.")
    output_tokens: int | None
    tokens_per_s: float | None = Field(description="(output_tokens - 1) / the server's decode duration.")
    done_reason: str | None = Field(description="stop: the model ended; length: it had written num_predict tokens.")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt that is ready to be sent. Made by `asked`; break its `call` off from any thread."""

    candidate: Candidate
    call: Call
    answered: Callable[[Generation], Generation]
    """What came back where it is an answer; raises OllamaError, ServiceEnding."""
    wanted: Asked
    loaded: Loaded | None
    """The model as it was in memory. None where it was not."""
    loaded_now: Callable[[], Loaded | None]

    def answer(self, tell: Callable[[Chunk], None] | None = None) -> Answered:
        """Sends it, and gives the whole answer. `tell` has each piece of text as it comes.

        Raises OllamaError where it broke off, ServiceEnding where the service did, and UsageError where the prompt
        exceeds the context: what came then answers another question.
        """
        came = (self.call.send() if tell is None else self.call.follow(tell)).generation()
        cold = self.loaded is None
        there = self.loaded_now() if cold and came.timings is not None else self.loaded
        told_context = None if there is None else there.context_length
        if (error := overflow(came, self.candidate.name, told_context, self.candidate.context_length)) is not None:
            raise error
        generation = self.answered(came)
        values = round_metrics(generation, self.wanted)
        timings = generation.timings
        load_s = None if timings is None else timings.load_s
        tokens = values.get("output_tokens")
        return Answered(
            model=self.candidate.name,
            response=generation.text,
            thinking=generation.thinking or None,
            elapsed_ms=round(values["e2e_s"] * 1e3, 3),
            ttft_ms=_ms(values.get("ttft_s")),
            load_ms=_ms(load_s) if cold or (load_s or 0.0) > RELOAD_S else None,
            output_tokens=None if tokens is None else int(tokens),
            tokens_per_s=values.get("decode_tokens_per_s"),
            done_reason=None if timings is None else timings.done_reason,
        )


@contextmanager
def asked(here: House, prompt: Prompt) -> Iterator[Question]:
    """The prompt, ready to be sent, while the `with` block runs; no measurement begins meanwhile.

    Raises UsageError for what is out of bounds, UnknownModel, BadModel, DoesNotFit, Busy, OllamaError.
    """
    options = checked(prompt, here.settings)
    candidate = here.shelf.candidate(prompt.model)
    with visit(here):
        with turn(here, candidate) as engine, here.keeper.client() as client:
            before = client.loaded()
            loaded = in_memory(candidate, before)
            if loaded is None:
                check_fits(here, candidate, before, engine)
        payload: dict[str, Json] = {"model": candidate.served_as, "prompt": prompt.prompt, "options": options, **UNCUT}
        if engine.supervised:
            payload["keep_alive"] = FOR_EVER
        wanted = Asked(
            prompt_tokens=None,
            output_tokens=here.settings.output_limit_tokens,
            server_version=engine.version,
            architecture=candidate.architecture,
        )
        with here.keeper.asking(payload) as call:
            yield Question(
                candidate=candidate,
                call=call,
                answered=here.keeper.calls.answered,
                wanted=wanted,
                loaded=loaded,
                loaded_now=lambda: in_memory(candidate, here.keeper.loaded()),
            )


def checked(prompt: Prompt, settings: Settings) -> dict[str, Json]:
    """The options that are sent. Raises UsageError for a prompt or an output that is longer than the settings allow."""
    check_prompt(prompt.prompt, settings)
    given = {} if prompt.options is None else prompt.options.model_dump(exclude_none=True)
    check_output(given.setdefault("num_predict", settings.output_limit_tokens), settings, named="options.num_predict")
    return given


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
