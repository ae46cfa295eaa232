"""`orac models`: what can be measured, and what cannot with the reason."""

from __future__ import annotations

import argparse
import json
import sys

from orac_bench.candidates import Candidate, find_candidates, models_folder
from orac_bench.models.folder import Model, discover
from orac_bench.models.meminfo import available_b
from orac_bench.models.memory import fits, memory_needed_b
from orac_bench.records import Json
from orac_bench.settings import Settings
from orac_bench.tables import table_text
from orac_bench.units import ABSENT, Unit, three_digits
from orac_bench.units import format as written


def models(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints each GGUF file of the folder, or each model of the Ollama at ORAC_OLLAMA_URL."""
    if settings.ollama_url is None:
        available = available_b()
        rows = [_of_file(model, available) for model in discover(models_folder(settings))]
    else:
        choice = find_candidates(settings)
        rows = [_of_server(candidate) for candidate in choice.candidates]
        sys.stderr.writelines(f"left out: {line}\n" for line in choice.refused)
    if arguments.json:
        print(json.dumps({"models": rows}))
        return 0
    columns = ("name", "architecture", "parameters", "quantization", "size", "context", "fits", "state")
    print(table_text(columns, [_cells(row) for row in rows], width=120), end="")
    return 0


def _of_file(model: Model, available: int | None) -> dict[str, Json]:
    header = model.header
    fit = None
    if header is not None and model.refused is None and available is not None:
        fit = fits(memory_needed_b(header, model.context_tokens), available).value
    return {
        "name": model.name,
        "aliases": list(model.aliases),
        "file": model.path.name,
        "size_b": model.size_b,
        "architecture": None if header is None else header.architecture,
        "parameters": None if header is None else header.parameters,
        "quantization": None if header is None else header.quantization,
        "context_length": None if header is None else header.context_length,
        "catalogued": model.catalogued,
        "fits": fit,
        "state": "ready" if model.refused is None else "refused",
        "reason": model.refused,
    }


def _of_server(candidate: Candidate) -> dict[str, Json]:
    return {
        "name": candidate.name,
        "aliases": [*candidate.aliases],
        "file": None if candidate.model is None else candidate.model.path.name,
        "size_b": candidate.size_b,
        "architecture": candidate.architecture,
        "parameters": None,
        "quantization": candidate.quantization,
        "context_length": candidate.context_length,
        "catalogued": candidate.model is not None and candidate.model.catalogued,
        "fits": None,
        "state": "ready",
        "reason": None,
    }


def _cells(row: dict[str, Json]) -> list[str]:
    size, parameters, aliases = row["size_b"], row["parameters"], row["aliases"]
    also = f" ({', '.join(map(str, aliases))})" if isinstance(aliases, list) and aliases else ""
    state = str(row["state"]) if row["reason"] is None else f"refused: {row['file']} {row['reason']}"
    if row["state"] == "ready" and row["file"] is not None and not row["catalogued"]:
        state += ", generic"
    return [
        f"{row['name']}{also}",
        str(row["architecture"] or ABSENT),
        f"{three_digits(parameters / 1e6)} M" if isinstance(parameters, int) else ABSENT,
        str(row["quantization"] or ABSENT),
        written(size, Unit.BYTE) if isinstance(size, int) else ABSENT,
        str(row["context_length"] or ABSENT),
        str(row["fits"] or ABSENT),
        state,
    ]
