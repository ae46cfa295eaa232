"""What is sent and answered about names, notes and known changes, as /docs describes it.

What must never live here: anything that acts.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orac_bench.store.marks import NAME

CaseKey = Annotated[str, Field(min_length=1, max_length=200, description="The case's key.")]
Reference = Annotated[str, Field(min_length=1, max_length=200, description="An id, latest, latest~2, or a baseline.")]


class AnnotationItem(BaseModel):
    """What a person wrote beside a run."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"run": "20261122-120000-3fa9", "case": None, "at": "2026-11-22T12:10:00.000000Z", "text": "new fan"}
            ]
        }
    )

    run: str
    case: str | None = Field(description="null where it is about the whole run.")
    at: str
    text: str


class BaselineItem(BaseModel):
    """A name for a run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "main-baseline", "run": "20261122-120000-3fa9"}]}
    )

    name: str
    run: str


class Baselines(BaseModel):
    """Every baseline, the one that was set last first."""

    baselines: list[BaselineItem]


class BaselineBody(BaseModel):
    """A name, and the run that shall have it."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"name": "main-baseline", "run": "20261122-120000-3fa9"}]},
    )

    name: Annotated[str, Field(max_length=80, pattern=NAME)]
    run: Reference


class AnnotationBody(BaseModel):
    """What to write beside a run, or beside one case of it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"text": "new fan"}]})

    text: Annotated[str, Field(min_length=1, max_length=2000)]
    case: CaseKey | None = None


class AcknowledgementBody(BaseModel):
    """A change of level that is known from now on."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "case": "1f0c2a9e5b7d4433",
                    "metric": "decode_tokens_per_s",
                    "at_run": "20261122-120000-3fa9",
                    "text": "new fan",
                }
            ]
        },
    )

    case: CaseKey
    metric: Annotated[str, Field(min_length=1, max_length=80)]
    at_run: Reference
    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class Acknowledged(BaseModel):
    """The change that is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "case": "1f0c2a9e5b7d4433",
                    "metric": "decode_tokens_per_s",
                    "at_run": "20261122-120000-3fa9",
                    "text": None,
                }
            ]
        }
    )

    case: str
    metric: str
    at_run: str
    text: str | None
