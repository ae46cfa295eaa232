"""`orac selfcheck` says of every metric that it promises what came of it, and of a bare client that failed why."""

import json
from argparse import Namespace

import pytest

from orac_bench.commands import selfcheck as command
from orac_bench.errors import OllamaError
from orac_bench.selfcheck.overhead import Overhead, check_overhead
from orac_bench.selfcheck.truth import ALLOWED, Finding, check_truth, findings
from tests.builders import a_round
from tests.fakes.fake_ollama import LOAD, End, FakeOllama, answer, final, json_reply, repeated_without_end, stream
from tests.sessions import settings_for


def test_every_promised_metric_has_a_finding(tmp_path):
    found = check_truth(settings_for("http://unused", tmp_path), tmp_path, rounds=1, tell=print)

    assert {one.metric for one in found} == set(ALLOWED)
    assert all(one.measured is not None for one in found)
    assert {one.metric: one.error for one in found if one.metric.endswith("put_tokens")} == {
        "input_tokens": 0.0,
        "output_tokens": 0.0,
    }


TRUE = {"ttft_s": 0.2, "e2e_s": 1.46, "tpot_s": 0.02, "client_decode_tokens_per_s": 50.0, "decode_tokens_per_s": 50.0}
COUNTS = {"prefill_tokens_per_s": 320.0, "output_tokens": 64.0, "input_tokens": 64.0}


def test_a_metric_that_a_round_lacks_is_a_finding_that_is_not_ok():
    # given two rounds that measured everything rightly, but for the second's TPOT
    true = {**TRUE, **COUNTS}
    lacking = {key: value for key, value in true.items() if key != "tpot_s"}
    found = {one.metric: one for one in findings([(a_round(metrics=true), true), (a_round(metrics=lacking), true)])}

    assert set(found) == set(ALLOWED)
    assert found["tpot_s"] == Finding(metric="tpot_s", truth=0.02, measured=None)
    assert (found["tpot_s"].error, found["tpot_s"].ok) == (None, False)
    assert [one.metric for one in found.values() if not one.ok] == ["tpot_s"]


def test_without_a_round_that_counts_no_finding_has_a_value():
    assert [(one.truth, one.measured, one.ok) for one in findings([])] == [(None, None, False)] * len(ALLOWED)


def test_a_missing_value_is_told_and_fails_the_command(tmp_path, monkeypatch, capsys):
    lacking = [Finding(metric="tpot_s", truth=0.02, measured=None), Finding(metric="ttft_s", truth=0.2, measured=0.2)]
    overhead = Overhead(model="m", ratio=1.0, ci_low=None, ci_high=None, client_cpu_s=0.01, pairs=1)
    monkeypatch.setattr(command, "check_truth", lambda *_, **__: lacking)
    monkeypatch.setattr(command, "check_overhead", lambda *_, **__: overhead)
    settings = settings_for("http://unused", tmp_path)

    assert command.selfcheck(settings, Namespace(rounds=1, model=None, json=False)) == 1
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tpot_s")]
    assert row.split() == ["tpot_s", "20.0", "ms", "–", "–", "100", "µs", "MISSING"]
    assert command.selfcheck(settings, Namespace(rounds=1, model=None, json=True)) == 1
    assert json.loads(capsys.readouterr().out)["checks"][0] == {
        "metric": "tpot_s",
        "truth": 0.02,
        "measured": None,
        "error": None,
        "allowed": 0.0001,
        "ok": False,
    }


def an_ollama(*replies):
    """A fake whose model answers the calibration and the probe, and then so."""
    listed = {"name": "m:latest", "digest": "d1", "size": 100, "details": {"family": "llama"}}
    good = stream(answer(["a", "b"], end=final(eval_count=2, prompt_eval_count=64)), every_s=0.001)
    return FakeOllama(
        {
            "GET /api/version": [json_reply({"version": "0.11.4"})],
            "GET /api/tags": [json_reply({"models": [listed]})],
            "GET /api/ps": [json_reply({"models": [{"name": "m:latest", "size": 100, "size_vram": 50}]})],
            LOAD: [json_reply({"done": True})],
            "POST /api/show": [json_reply({"model_info": {"llama.context_length": 2048}})],
            "POST /api/generate": [good] * 6 + list(replies or [good]),  # 1 + 3, and two warm-ups
        }
    )


BAD = {
    "aborted": stream(repeated_without_end()),
    "cut": stream(answer(["a", "b"])[:-1], end=End.CUT),
    "refused": json_reply({"error": "out of memory"}, status=500),
    "no object": json_reply("no object"),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
def test_where_no_pair_has_a_rate_it_is_said_in_a_sentence_with_advice(tmp_path, reply):
    with an_ollama(reply) as fake, pytest.raises(OllamaError) as caught:
        check_overhead(settings_for(fake.url, tmp_path), tmp_path, model=None, pairs=2, tell=print)
    assert str(caught.value) == (
        "None of 2 pairs of rounds on m had a rate of both ORAC and the bare client, so the overhead is not known. "
        "See what comes of its rounds with: orac bench m --suite decode"
    )


def test_a_pair_that_the_bare_client_lost_is_left_out(tmp_path):
    good = stream(answer(["a", "b"], end=final(eval_count=2, prompt_eval_count=64)), every_s=0.001)
    with an_ollama(good, stream(repeated_without_end()), good) as fake:
        found = check_overhead(settings_for(fake.url, tmp_path), tmp_path, model=None, pairs=3, tell=print)
    assert found.pairs == 2
