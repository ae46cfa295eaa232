"""Which models can be measured: the GGUF files of a folder, or those that a running Ollama has.

Looked at before a run begins, so that a wrong name costs nothing. Reads headers and asks `/api/tags` and `/api/show`;
what must never live here: registering, loading, measuring.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orac_bench.errors import BadModel, NoModels, OllamaRefused, UnknownModel
from orac_bench.models.folder import Model, discover, find
from orac_bench.models.memory import memory_needed_b
from orac_bench.ollama.client import Client, Listed
from orac_bench.ollama.public import public_url
from orac_bench.records import Json
from orac_bench.settings import Settings
from orac_bench.variants import Variant

DEFAULT_CONTEXT = 4096
"""Tokens of context where a server does not say."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that could be measured, before it is registered or loaded."""

    name: str
    aliases: tuple[str, ...]
    served_as: str
    """Its name in Ollama."""
    context_length: int
    size_b: int
    architecture: str | None
    quantization: str | None
    prefix: str
    suffix: str
    parameters: dict[str, Json]
    """What it is registered with; empty where it was registered by somebody else."""
    needed_b: int | None
    """Estimated memory; None where the file is not known."""
    model: Model | None
    """The file, None for a model of an external Ollama."""
    listed_digest: str | None
    """The manifest's digest in an external Ollama, else None."""
    variant: Variant | None = None
    """Settings that are sent with each request, None for the model as it is."""

    @property
    def label(self) -> str:
        """The name with the variant, for people: "tinyllama num_thread=4"."""
        return self.name if self.variant is None else f"{self.name} {self.variant.text}"

    @property
    def options(self) -> dict[str, Json]:
        """What the variant sets, nothing without one."""
        return {} if self.variant is None else dict(self.variant.options)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was found: the models that can be measured, and a sentence for each that cannot."""

    candidates: tuple[Candidate, ...]
    refused: tuple[str, ...]


def find_candidates(settings: Settings, wanted: Sequence[str] = ()) -> Choice:
    """The models that were asked for by name or alias, or all of them, in the order of the folder or the server.

    Files that shall be registered in a running Ollama come before what it has; its names come before their aliases.
    Raises UnknownModel with the near names, BadModel where a wanted one is refused, NoModels where there is nothing.
    """
    if settings.ollama_url is None:
        return _of_folder(settings, wanted)
    where = f"the Ollama at {public_url(settings.ollama_url)}"
    with Client(settings.ollama_url, idle_timeout_s=settings.idle_timeout_s) as client:
        models, refused = _files_beside(settings)
        files = [of_file(model) for model in models if model.refused is None]
        taken = {file.name for file in files}
        listed = [entry for entry in client.models() if not entry.remote and plain_name(entry.name) not in taken]
        own = [plain_name(entry.name) for entry in listed]
        keep = {_meant(name, own, models, where) for name in wanted}
        chosen = [entry for entry in listed if not keep or _asked(plain_name(entry.name)) in keep]
        candidates = [file for file in files if not keep or file.name in keep]
        unfit: list[str] = []
        for entry in chosen:
            try:
                candidates.append(_of_server(client, entry))
            except BadModel as error:
                if keep:
                    raise
                unfit.append(error.what)
        if not candidates:
            none = f"No model of {where} can be measured."
            raise NoModels(" ".join([none, *unfit]), next="ollama pull qwen3:0.6b")
        return Choice(candidates=tuple(candidates), refused=(*refused, *unfit))


def plain_name(listed: str) -> str:
    """An Ollama's own name without the implied tag: "llama3.2:1b", and "phi-2" for "phi-2:latest"."""
    return listed.removesuffix(":latest")


def models_folder(settings: Settings) -> Path:
    """The folder of GGUF files: ORAC_MODELS_DIR, else the sample model's. Raises NoModels for neither."""
    if settings.models_dir is not None:
        return settings.models_dir
    if settings.sample_dir.is_dir():
        return settings.sample_dir
    raise NoModels(
        "ORAC_MODELS_DIR is not set, and the sample model is not there.",
        next="Set ORAC_MODELS_DIR=~/gguf to your folder of GGUF files, or type `make bench` to get the sample.",
    )


def _of_folder(settings: Settings, wanted: Sequence[str] = ()) -> Choice:
    folder = models_folder(settings)
    models = discover(folder)
    names = {find(models, name).name for name in wanted}
    good = tuple(of_file(model) for model in models if model.refused is None and (model.name in names or not names))
    refused = _refused(models)
    if not good:
        raise NoModels(f"No file in {folder} can be used: {'; '.join(refused)}.", next="See each with: orac models")
    return Choice(candidates=good, refused=refused)


def _files_beside(settings: Settings) -> tuple[tuple[Model, ...], tuple[str, ...]]:
    """The files to register in a running Ollama, and a sentence for each that cannot be or a folder without any."""
    if settings.models_dir is None or settings.ollama_store is None:
        return (), ()
    try:
        models = discover(settings.models_dir)
    except NoModels as error:
        return (), (error.what,)
    return models, _refused(models)


def _refused(models: Sequence[Model]) -> tuple[str, ...]:
    return tuple(f"{model.path.name}: {model.refused}" for model in models if model.refused is not None)


def _meant(name: str, own: Sequence[str], models: Sequence[Model], where: str) -> str:
    """The model that `name` means: one of the server's `own` names, else a file's name or alias.

    Raises UnknownModel with the near names, BadModel where the file is refused.
    """
    wanted = _asked(name)
    if wanted in {_asked(known) for known in own}:
        return wanted
    short = {word for model in models if model.entry is not None for word in model.entry.names}
    if wanted in short | {model.name for model in models}:
        return find(models, name).name
    usable = [known for model in models if model.refused is None for known in (model.name, *model.aliases)]
    raise _unknown(name, [*usable, *own], where)


def varied(candidate: Candidate, variant: Variant) -> Candidate:
    """The candidate with the settings of `variant`; another num_ctx is another context, and other memory."""
    context = variant.options.get("num_ctx")
    if not isinstance(context, int):
        return replace(candidate, variant=variant)
    header = None if candidate.model is None else candidate.model.header
    needed_b = None if header is None else memory_needed_b(header, context)
    return replace(candidate, variant=variant, context_length=context, needed_b=needed_b)


def of_file(model: Model) -> Candidate:
    """The candidate in a file of the folder that was not refused."""
    assert model.header is not None  # not refused
    context = model.context_tokens
    return Candidate(
        name=model.name,
        aliases=model.aliases,
        served_as=model.name,
        context_length=context,
        size_b=model.header.size_b,
        architecture=model.header.architecture,
        quantization=model.header.quantization,
        prefix=model.template.prefix,
        suffix=model.template.suffix,
        parameters=dict(model.parameters),
        needed_b=memory_needed_b(model.header, context),
        model=model,
        listed_digest=None,
    )


def _of_server(client: Client, entry: Listed) -> Candidate:
    """A model of an external Ollama. Raises BadModel where it cannot write text, or where Ollama cannot show it."""
    name = plain_name(entry.name)
    try:
        shown = client.show(entry.name)
    except OllamaRefused as error:
        raise BadModel(f"{name} cannot be used: {error.what}", next=f"ollama rm {name}, or put its file back") from None
    abilities = shown.get("capabilities")
    if isinstance(abilities, list) and abilities and "completion" not in abilities:
        can = ", ".join(map(str, abilities))
        raise BadModel(f"{name} cannot be used: it writes no text ({can}).", next="Name a model that does: orac models")
    info = shown.get("model_info")
    context = info.get(f"{entry.architecture}.context_length") if isinstance(info, dict) else None
    return Candidate(
        name=name,
        aliases=(),
        served_as=entry.name,
        context_length=context if isinstance(context, int) else DEFAULT_CONTEXT,
        size_b=entry.size_b,
        architecture=entry.architecture,
        quantization=entry.quantization,
        prefix="",
        suffix="",
        parameters={},
        needed_b=None,
        model=None,
        listed_digest=entry.digest,
    )


def _asked(name: str) -> str:
    return plain_name(name.strip()).casefold()


def _unknown(name: str, names: Sequence[str], where: str) -> UnknownModel:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"Near names: {', '.join(near)}." if near else f"It has: {', '.join(sorted(names)) or 'none'}."
    return UnknownModel(f"{where} has no model {name!r}.", next=hint)
