"""The folder of GGUF files as models: each usable, or refused with the reason; and a model by any of its names.

One bad file never hides the others. What must never live here: Ollama and its store (`register.py`).
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orac_bench.errors import BadModel, NoModels, UnknownModel
from orac_bench.models.catalog import GENERIC_CONTEXT, PLAIN, Entry, Template, guessed_template, recognise
from orac_bench.models.gguf import Header, read_header
from orac_bench.records import Json

SLUG_LENGTH = 80

_EMBEDDERS = (
    "bert",
    "eurobert",
    "gemma-embedding",
    "jina-bert-v2",
    "jina-bert-v3",
    "modern-bert",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "t5encoder",
)
_PART = re.compile(r".*-(\d{5})-of-(\d{5})", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A GGUF file of the folder, usable or refused."""

    name: str
    """The slug of the file's name; also its name in Ollama."""
    aliases: tuple[str, ...] = ()
    """Short names of the catalogue that mean this file and no other."""
    path: Path
    size_b: int | None
    """None where the file cannot be looked at."""
    header: Header | None = None
    """None where the file was refused before its header could be read."""
    entry: Entry | None = None
    """Which catalogued model it is. None: a generic one."""
    template: Template = PLAIN
    refused: str | None = None
    """Why it cannot be used. None: it can."""

    @property
    def catalogued(self) -> bool:
        """Whether it is one of the six of the catalogue."""
        return self.entry is not None

    @property
    def stop(self) -> tuple[str, ...]:
        """Words that end an answer."""
        return self.template.stop

    @property
    def parameters(self) -> Mapping[str, Json]:
        """What Ollama shall set for it when a request does not: sampling and `num_ctx`, without the stop words."""
        given = {} if self.entry is None else self.entry.parameters
        return {**given, "num_ctx": self.context_tokens}

    @property
    def context_tokens(self) -> int:
        """The context that it is loaded with: the catalogue's or `GENERIC_CONTEXT`, its own where that is shorter."""
        wanted = GENERIC_CONTEXT if self.entry is None else self.entry.context_tokens
        trained = None if self.header is None else self.header.context_length
        return wanted if not trained else min(wanted, trained)


def discover(folder: Path) -> tuple[Model, ...]:
    """Every *.gguf directly in `folder` (hidden files are left out), usable or refused, in the order of their names.

    Raises NoModels where there is no such folder, where it cannot be read, or where no such file is in it.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if _is_gguf(path.name))
    except OSError as error:
        raise NoModels(
            f"The folder of models cannot be read: {folder} ({error.strerror}).",
            next="Set ORAC_MODELS_DIR to a folder that holds GGUF files.",
        ) from error
    if not paths:
        raise NoModels(
            f"There is no .gguf file in {folder} (folders inside it are not searched).",
            next="Put GGUF files into it, or set ORAC_MODELS_DIR to a folder that holds some.",
        )
    return _named_once(map(_model, paths))


def find(models: Sequence[Model], name: str) -> Model:
    """The model that `name` means: a slug or a short name, in any case, with `:latest` behind it or not.

    Raises UnknownModel with the near names, or with the candidates where a short name means several files;
    BadModel with the reason where the file was refused.
    """
    wanted = name.strip().lower().removesuffix(":latest")
    found = [model for model in models if model.name == wanted] or _called(models, wanted)
    usable = [model for model in found if model.refused is None]
    if len(usable) > 1:
        names = ", ".join(model.name for model in usable)
        raise UnknownModel(f"{name!r} means {len(usable)} files: {names}.", next="Name one of them.")
    if usable:
        return usable[0]
    if found:
        raise BadModel(
            f"{found[0].path.name} cannot be used: {found[0].refused}.",
            next=f"Replace it in {found[0].path.parent}; `orac models` lists every file.",
        )
    known = [known for model in models if model.refused is None for known in (model.name, *model.aliases)]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4) or sorted(known)
    there = f"Near names: {', '.join(near)}." if near else "No model of the folder can be used."
    raise UnknownModel(f"There is no model named {name!r}. {there}", next="`orac models` lists every file.")


def slug(stem: str) -> str:
    """The name of a model whose file is called `stem`.gguf: lower case, `-` for what is not a-z 0-9 . _ -.

    Empty where nothing is left of it.
    """
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).lstrip("._-")[:SLUG_LENGTH].rstrip("-")


def _is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf") and not name.startswith(".")


def _called(models: Sequence[Model], short: str) -> list[Model]:
    return [model for model in models if model.entry is not None and short in model.entry.names]


def _model(path: Path) -> Model:
    """The model in the file at `path`, not yet compared with the others; refused where anything is wrong with it."""
    stem = path.name[: -len(".gguf")]
    name = slug(stem)
    header, refused = None, _refused_by_name(stem) or _refused_by_place(path)
    if refused is None:
        try:
            header = read_header(path)
            refused = _refused_by_header(header)
        except BadModel as error:
            refused = error.what
    entry = recognise(name, None if header is None else header.architecture)
    chat_template = None if header is None else header.chat_template
    return Model(
        name=name or "unnamed",
        path=path,
        size_b=_size_b(path),
        header=header,
        entry=entry,
        template=guessed_template(chat_template) if entry is None else entry.template,
        refused=refused,
    )


def _refused_by_name(stem: str) -> str | None:
    if not slug(stem):
        return "has no letter or digit of a-z, 0-9 in its name; rename it"
    part = _PART.fullmatch(stem)
    return None if part is None else _merge(f"part {int(part[1])} of {int(part[2])}")


def _refused_by_place(path: Path) -> str | None:
    try:
        real, folder = path.resolve(strict=True), path.parent.resolve(strict=True)
    except (OSError, RuntimeError):  # Python 3.12 and older say RuntimeError to a link that leads to itself
        return "is a link to nothing" if path.is_symlink() else "cannot be read"
    if folder not in real.parents:
        return f"is a link that leaves the folder, to {real}"
    return None


def _refused_by_header(header: Header) -> str | None:
    if header.split_count is not None and header.split_count > 1:
        return _merge(f"one of {header.split_count} parts")
    kind = header.general_type or "model"
    if header.architecture == "clip" or kind != "model":
        return f"is no model of its own but an addition to one ({'mmproj' if kind == 'model' else kind})"
    if header.pooled or header.architecture in _EMBEDDERS:
        return f"makes embeddings and cannot generate text ({header.architecture})"
    if header.tensor_count == 0:
        return "holds no weights"
    return None


def _merge(which: str) -> str:
    return f"is {which} of a split model; merge them with `llama-gguf-split --merge FIRST.gguf WHOLE.gguf`"


def _size_b(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _named_once(models: Iterable[Model]) -> tuple[Model, ...]:
    """`models`, with those refused that share a name, and the short names given to those that have them alone."""
    by_name: defaultdict[str, list[Model]] = defaultdict(list)
    for model in models:
        by_name[model.name].append(model)
    single = [_alone(model, by_name[model.name]) for same in by_name.values() for model in same]
    users = Counter(model.entry.name for model in single if model.entry is not None and model.refused is None)
    return tuple(
        replace(model, aliases=tuple(short for short in model.entry.names if short not in by_name))
        if model.entry is not None and model.refused is None and users[model.entry.name] == 1
        else model
        for model in single
    )


def _alone(model: Model, same: Sequence[Model]) -> Model:
    others = [other.path.name for other in same if other is not model]
    if not others or model.name == "unnamed":
        return model
    return replace(model, refused=f"has the same name ({model.name}) as {', '.join(others)}; rename one of them")
