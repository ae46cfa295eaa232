"""What people say about runs, over HTTP: baselines, annotations, changes that are known."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from orac_bench.api.house import Here
from orac_bench.api.mark_bodies import (
    Acknowledged,
    AcknowledgementBody,
    AnnotationBody,
    AnnotationItem,
    BaselineBody,
    BaselineItem,
    Baselines,
)
from orac_bench.api.problems import responses
from orac_bench.judging.case_history import changed_at
from orac_bench.judging.document import annotation_body, baseline_body
from orac_bench.judging.sides import one_case

router = APIRouter(prefix="/v1", tags=["marks"])

Ref = Annotated[str, Path(max_length=200, description="An id, latest, latest~2, or a baseline's name.")]


@router.get("/baselines")
def baselines(here: Here) -> Baselines:
    """Lists the baselines, the one that was set last first."""
    return Baselines.model_validate({"baselines": [baseline_body(one) for one in here.store.baselines()]})


@router.post("/baselines", status_code=201, responses=responses(404))
def set_baseline(here: Here, body: BaselineBody) -> BaselineItem:
    """Gives a run a name; one that another run had is moved."""
    made = here.store.set_baseline(body.name, here.store.resolve(body.run))
    return BaselineItem(name=made.name, run=made.run)


@router.delete("/baselines/{name}", status_code=204, responses=responses(404))
def remove_baseline(here: Here, name: Annotated[str, Path(max_length=80, examples=["main-baseline"])]) -> None:
    """Takes a name away; the run stays."""
    here.store.remove_baseline(name)


@router.post("/runs/{run}/annotations", status_code=201, responses=responses(404))
def annotate(here: Here, run: Ref, body: AnnotationBody) -> AnnotationItem:
    """Writes a note beside a run, or beside one case of it."""
    run_id = here.store.resolve(run)
    key = None if body.case is None else one_case(here.store, run_id, body.case).key
    made = here.store.annotate(run_id, body.text, case_key=key)
    return AnnotationItem.model_validate(annotation_body(made))


@router.post("/changes/acknowledge", responses=responses(404))
def acknowledge(here: Here, body: AcknowledgementBody) -> Acknowledged:
    """Notes that a change of level is known: it is no news any more."""
    run = here.store.resolve(body.at_run)
    case = one_case(here.store, run, body.case)
    here.store.acknowledge(run, case.key, changed_at(here.store, case, run, metric=body.metric), body.text)
    return Acknowledged(case=case.key, metric=body.metric, at_run=run, text=body.text)
