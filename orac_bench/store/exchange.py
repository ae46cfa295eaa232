"""Whole runs from one store to another: what `orac export --format json` writes and `orac import` takes in.

Each run is the document of `orac show --json --rounds` with what else the store knows. Statistics are not taken over:
they are computed again from the rounds. What must never live here: reading or writing a file.
"""

from __future__ import annotations

from collections.abc import Sequence

from orac_bench.errors import UsageError
from orac_bench.flags import Flag
from orac_bench.records import Case, Conditions, Failure, Json, Phase, Result, Round, RoundStatus, Run, Status, Workload
from orac_bench.store.document import (
    Object,
    failure_part,
    moment,
    result_part,
    round_part,
    run_part,
)
from orac_bench.store.node import Node
from orac_bench.store.rows import only_telling, variant_of
from orac_bench.store.store import Store
from orac_bench.store.tables import METRIC_COLUMNS
from orac_bench.store.writing import SUSTAINED

FORMAT = "orac-bench"
VERSION = 1
"""Of this form; raised when an older ORAC could not read it."""


def packed(runs: Sequence[tuple[Run, Sequence[Result]]]) -> Object:
    """The document of `runs`, whose results have their rounds and arrivals. Only readings stay where they are."""
    return {"format": FORMAT, "version": VERSION, "runs": [_run(run, results) for run, results in runs]}


def import_document(store: Store, document: Json) -> tuple[str, ...]:
    """Takes the runs of `document` into `store`, all or none; the ids of those that were not there yet.

    The same run again changes nothing. Raises UsageError that names the key for a document that is malformed or of a
    newer form, StoreError for a run that is there with other content.
    """
    return store.take_in(unpacked(document))


def unpacked(document: Json) -> tuple[tuple[Run, tuple[Result, ...]], ...]:
    """The runs in `document`, without summaries. Raises UsageError that names the key."""
    top = Node(document, "")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(
            f"This is no export of ORAC: its key format is not {FORMAT!r}. Nothing was taken in.",
            next="Make one with `orac export RUN --format json -o FILE`.",
        )
    if top["version"].whole() > VERSION:
        raise UsageError(
            f"The export has version {top['version'].whole()}; this ORAC reads up to {VERSION}. Nothing was taken in.",
            next="Update ORAC.",
        )
    top.refuse_odd_numbers()
    return tuple((_run_of(node), _results_of(node)) for node in top["runs"].items())


def _run(run: Run, results: Sequence[Result]) -> Object:
    return {
        "run": {**run_part(run), "seed": run.seed, "arguments": [*run.arguments], "error": run.error},
        "conditions": None if run.conditions is None else _conditions(run.conditions),
        "results": [
            {
                **result_part(result),
                "facts": dict(result.facts),
                "error": failure_part(result.failure),
                "started": moment(result.started),
                "ended": moment(result.ended),
                "rounds": [
                    {
                        **round_part(one),
                        "started": moment(one.started),
                        "seed": one.seed,
                        "arrivals_ns": [*one.arrivals_ns],
                    }
                    for one in result.rounds
                ],
            }
            for result in results
        ],
    }


def _conditions(conditions: Conditions) -> Object:
    return {"hash": conditions.hash, "facts": dict(conditions.facts), "volatile": dict(conditions.volatile)}


def _run_of(node: Node) -> Run:
    run = node["run"]
    status = run["status"].one_of(Status)
    if status in (Status.QUEUED, Status.RUNNING):
        raise run["status"].refused(f"is {status.value}: export the run when it has ended")
    return Run(
        id=run["id"].name(),
        status=status,
        started=run["started"].moment(),
        ended=run["ended"].maybe(Node.moment),
        trigger=run["trigger"].text(),
        note=run["note"].maybe(Node.words),
        orac_version=run["orac_version"].text(),
        metrics_version=run["metrics_version"].count(),
        conditions=node["conditions"].maybe(_conditions_of),
        seed=run["seed"].whole(),
        arguments=tuple(argument.words() for argument in run["arguments"].items()),
        error=run["error"].maybe(Node.words),
    )


def _conditions_of(node: Node) -> Conditions:
    return Conditions(hash=node["hash"].text(), facts=node["facts"].object(), volatile=node["volatile"].object())


def _results_of(node: Node) -> tuple[Result, ...]:
    results = tuple(_result_of(result) for result in node["results"].items())
    node["results"].refuse_twins([result.case.key for result in results], "case")
    return results


def _result_of(node: Node) -> Result:
    rounds = tuple(_round_of(one) for one in node["rounds"].items())
    node["rounds"].refuse_twins([f"{one.phase.value} {one.index}" for one in rounds], "round")
    facts = node["facts"].object()
    return Result(
        case=_case_of(node),
        status=node["status"].one_of(Status),
        planned=node["planned"].count(),
        done=node["done"].count() if SUSTAINED in facts else sum(one.counted for one in rounds),
        offload_ratio=node["offload_ratio"].maybe(Node.number),
        facts=facts,
        summary={},
        rounds=rounds,
        failure=node["error"].maybe(_failure_of),
        started=node["started"].maybe(Node.moment),
        ended=node["ended"].maybe(Node.moment),
    )


def _case_of(node: Node) -> Case:
    case, workload = node["case"], node["case"]["workload"]
    return Case(
        key=case["key"].text(),
        suite=case["suite"].text(),
        model=case["model"].text(),
        model_digest=node["model_digest"].text(),
        workload=Workload(
            prompt_tokens=workload["prompt_tokens"].maybe(Node.count),
            output_tokens=workload["output_tokens"].count(),
            prompt_sha256=workload["prompt_sha256"].maybe(Node.text),
            version=workload["version"].count(),
        ),
        options=node["options"].object(),
        variant=variant_of(node["facts"].object()),
    )


def _round_of(node: Node) -> Round:
    metrics = {}
    for name in node["metrics"].object():
        if name not in METRIC_COLUMNS:
            raise node["metrics"][name].refused("is a metric that this ORAC does not know")
        if (value := node["metrics"][name].maybe(Node.number)) is not None:
            metrics[name] = value
    flags = frozenset(flag.one_of(Flag) for flag in node["flags"].items())
    return Round(
        index=node["index"].count(),
        phase=node["phase"].one_of(Phase),
        status=node["status"].one_of(RoundStatus),
        started=node["started"].moment(),
        seed=node["seed"].whole(),
        metrics=metrics,
        flags=flags,
        telling=only_telling(flags, counted=node["counted"].value is True),
        failure=node["error"].maybe(_failure_of),
        raw=node["raw"].object(),
        arrivals_ns=tuple(at.arrival_ns() for at in node["arrivals_ns"].items()),
        block=node["block"].maybe(Node.count) if "block" in node.object() else None,  # older exports lack it
    )


def _failure_of(node: Node) -> Failure:
    return Failure(code=node["code"].text(), message=node["message"].words())
