"""The server of known timing keeps its word, and the bare client reads it rightly.

No speed is asserted here beyond what a loaded machine keeps; the accuracy has its goals in tests/performance.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
from typing import Any
from urllib.parse import urlsplit

import pytest

from orac_bench.records import Json
from orac_bench.selfcheck.bare_client import BareResult, bare_generate, read
from orac_bench.selfcheck.known_server import MODEL, Biases, KnownServer, known_server
from tests.waiting import eventually, running

PAYLOAD: dict[str, Json] = {"model": MODEL, "prompt": "one two three", "options": {"num_predict": 6}}


def test_its_clock_is_the_one_that_all_processes_share() -> None:
    assert time.get_clock_info("perf_counter").implementation == "clock_gettime(CLOCK_MONOTONIC)"
    before_ns = time.perf_counter_ns()
    with known_server(ttft_s=0.01, token_s=0.001) as server:
        bare_generate(server.url, PAYLOAD)
        truth = server.truth()
    assert before_ns < truth.received_ns < truth.first_send_ns < time.perf_counter_ns()


def test_no_chunk_leaves_before_it_is_due() -> None:
    with known_server(ttft_s=0.05, token_s=0.01) as server:
        bare_generate(server.url, PAYLOAD)
        late_ns = lateness_ns(server, ttft_ms=50, token_ms=10)
    assert len(late_ns) == 6
    assert min(late_ns) >= 0


def test_a_delay_is_made_up_for_and_does_not_add_up() -> None:
    with known_server(ttft_s=0.02, token_s=0.02) as server:
        connection = connected(server)
        connection.request("POST", "/api/generate", json.dumps({**PAYLOAD, "options": {"num_predict": 20}}))
        response = connection.getresponse()
        response.readline()
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(server.pid, signal.SIGCONT)
        response.read()
        connection.close()
        late_ns = lateness_ns(server, ttft_ms=20, token_ms=20)
    assert max(late_ns) > 100_000_000  # the chunk that was due soon after the stop
    assert late_ns[-1] < 100_000_000  # 0.4 s after the first: long back on time


def test_the_counters_are_exact_and_mean_what_ollamas_mean() -> None:
    with known_server(ttft_s=0.05, token_s=0.002) as server:
        last = ask(server, PAYLOAD)[-1]
    assert {key: last[key] for key in ("done", "done_reason", "prompt_eval_count", "eval_count")} == {
        "done": True,
        "done_reason": "length",
        "prompt_eval_count": 3 + 1,  # words, and one for the beginning
        "eval_count": 6,
    }
    assert last["prompt_eval_duration"] == 50_000_000
    assert last["eval_duration"] == (6 - 1) * 2_000_000  # the gaps, not the tokens


def test_one_chunk_a_token_unless_they_are_coalesced() -> None:
    with known_server(ttft_s=0.01, token_s=0.001) as server:
        assert [record["response"] for record in ask(server, PAYLOAD)] == [" t0", " t1", " t2", " t3", " t4", " t5", ""]
    with known_server(ttft_s=0.01, token_s=0.001, biases=Biases(coalesce=4)) as server:
        assert [record["response"] for record in ask(server, PAYLOAD)] == [" t0 t1 t2 t3", " t4 t5", ""]


def test_a_cached_prompt_costs_only_what_is_new_and_is_counted_whole() -> None:
    with known_server(ttft_s=0.1, token_s=0.001, biases=Biases(cached=True)) as server:
        lasts = [
            ask(server, {**PAYLOAD, "prompt": prompt})[-1] for prompt in ("a b c d", "a b c e", "x b c d", "x b c d")
        ]
    assert [last["prompt_eval_count"] for last in lasts] == [5, 5, 5, 5]
    assert [last["prompt_eval_duration"] for last in lasts] == [
        100_000_000,
        25_000_000,  # one word of four is new
        100_000_000,  # nothing after another first word is known
        1_000_000,  # never less
    ]


def test_whole_milliseconds_leave_out_what_is_less() -> None:
    with known_server(ttft_s=0.0205, token_s=0.0001, biases=Biases(whole_ms=True)) as server:
        ask(server, PAYLOAD)
        last = ask(server, PAYLOAD)[-1]
    assert last["prompt_eval_duration"] == 20_000_000
    assert "eval_duration" not in last  # 5 x 0.1 ms
    assert "load_duration" not in last  # it was loaded


def test_the_other_biases_think_stop_early_and_keep_back_the_final_record() -> None:
    with known_server(ttft_s=0.01, token_s=0.001, biases=Biases(thinking=True)) as server:
        assert [record.get("thinking", "") for record in ask(server, PAYLOAD)] == [" t0", " t1", " t2", "", "", "", ""]
    with known_server(ttft_s=0.01, token_s=0.001, biases=Biases(short=True)) as server:
        last = ask(server, PAYLOAD)[-1]
        assert (last["done_reason"], last["eval_count"]) == ("stop", 3)
    with known_server(ttft_s=0.01, token_s=0.001, biases=Biases(no_final=True)) as server:
        assert [record["done"] for record in ask(server, PAYLOAD)] == [False] * 6
        assert server.truth().final_ns is None


def test_a_model_is_loaded_by_an_empty_prompt_and_unloaded_by_keep_alive_0() -> None:
    with known_server(load_s=0.05) as server:
        before = call(server, "GET", "/api/ps")
        loaded = call(server, "POST", "/api/generate", {"model": MODEL, "keep_alive": -1})
        during = call(server, "GET", "/api/ps")
        unloaded = call(server, "POST", "/api/generate", {"model": "known", "keep_alive": 0})
        after = call(server, "GET", "/api/ps")

    assert [len(answer["models"]) for answer in (before, during, after)] == [0, 1, 0]
    assert [answer["done_reason"] for answer in (loaded, unloaded)] == ["load", "unload"]


def test_it_lists_and_shows_its_model_and_knows_no_other() -> None:
    with known_server() as server:
        assert call(server, "GET", "/api/version") == {"version": "0.11.4"}
        assert [model["name"] for model in call(server, "GET", "/api/tags")["models"]] == [MODEL]
        assert call(server, "POST", "/api/show", {"model": MODEL})["model_info"]["llama.context_length"] == 4096
        assert call(server, "POST", "/api/show", {"model": "nope"}) == {"error": "model 'nope' not found"}


def test_there_is_no_truth_before_the_first_answer() -> None:
    with known_server() as server, pytest.raises(urllib.error.HTTPError, match="404") as raised:
        server.truth()
    raised.value.close()


def test_its_process_ends_with_the_block() -> None:
    with known_server() as server:
        assert running(server.pid)
    assert not running(server.pid)


def test_its_process_ends_when_its_parent_is_killed() -> None:
    code = (
        "from orac_bench.selfcheck.known_server import known_server\n"
        "with known_server() as server:\n    print(server.pid, flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not running(pid), within_s=10)


def test_the_bare_client_reads_a_stream_to_whole_values() -> None:
    stamped = [
        (1_200_000_000, b'{"response": "", "done": false}\n'),  # no text: not the first token
        (1_300_000_000, b'{"response": "a", "done": false}\n'),
        (1_500_000_000, b'{"response": "b", "done": false}\n'),
        (1_600_000_000, b'{"response": "", "done": true, "done_reason": "length", "eval_count": 3, '
         b'"eval_duration": 250000000, "prompt_eval_count": 7}\n'),
    ]  # fmt: skip
    assert read(1_000_000_000, stamped) == BareResult(
        ttft_s=0.3,  # 1.3 - 1.0
        e2e_s=0.6,  # 1.6 - 1.0
        decode_tokens_per_s=10.0,  # (3 - 1) / (1.5 - 1.3)
        eval_count=3,
        eval_s=0.25,
        prompt_count=7,
        prompt_s=None,
    )


def test_the_bare_client_leaves_a_generated_end_token_out_of_the_printed_ones() -> None:
    stamped = [
        (0, b'{"response": "a", "done": false}\n'),
        (500_000_000, b'{"response": "b", "done": false}\n'),
        (600_000_000, b'{"response": "", "done": true, "done_reason": "stop", "eval_count": 3}\n'),
    ]
    assert read(0, stamped).decode_tokens_per_s == 2.0  # (3 - 1 - 1) / 0.5


def test_the_bare_client_refuses_an_answer_without_its_final_record() -> None:
    with (
        known_server(ttft_s=0.01, token_s=0.001, biases=Biases(no_final=True)) as server,
        pytest.raises(RuntimeError, match="no text or no final record"),
    ):
        bare_generate(server.url, PAYLOAD)


def test_the_bare_client_sees_no_chunk_before_it_was_sent() -> None:
    with known_server(ttft_s=0.05, token_s=0.005) as server:
        seen = bare_generate(server.url, PAYLOAD)
        truth = server.truth()
    assert seen.ttft_s >= (truth.first_send_ns - truth.received_ns) / 1e9
    assert seen.eval_s == 5 * 0.005
    assert truth.final_ns is not None
    assert seen.e2e_s >= (truth.final_ns - truth.received_ns) / 1e9


def lateness_ns(server: KnownServer, *, ttft_ms: int, token_ms: int) -> list[int]:
    """How late each chunk of the last answer left."""
    truth = server.truth()
    return [
        at_ns - truth.received_ns - (ttft_ms + token_ms * number) * 1_000_000
        for number, at_ns in enumerate(truth.sends_ns)
    ]


def connected(server: KnownServer) -> http.client.HTTPConnection:
    address = urlsplit(server.url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)


def call(server: KnownServer, method: str, path: str, body: object = None) -> dict[str, Any]:
    connection = connected(server)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


def ask(server: KnownServer, payload: object) -> list[dict[str, Any]]:
    connection = connected(server)
    try:
        connection.request("POST", "/api/generate", json.dumps(payload))
        return [json.loads(line) for line in connection.getresponse().read().splitlines()]
    finally:
        connection.close()
