"""The decoder of streams: stamped bytes in, a `Generation` out, whatever way the bytes were cut."""

import json

from orac_bench.ollama.stream import Records, decode, lines
from orac_bench.records import Arrival, Chunk, Failure, ServerTimings
from tests.fakes.fake_ollama import answer, final, repeated_without_end, runner_died
from tests.fakes.fake_ollama import lines as ndjson

END = final(
    done_reason="length",
    total_duration=9_000_000_000,
    load_duration=2_000_000,
    prompt_eval_count=64,
    prompt_eval_duration=200_000_000,
    eval_count=3,
    eval_duration=40_000_000,
)


def arriving(records, *, first_ns=100, every_ns=20):
    return [Arrival(first_ns + index * every_ns, line) for index, line in enumerate(ndjson(records))]


def test_each_line_becomes_a_chunk_with_its_stamp_and_the_final_record_the_timings():
    found = decode(arriving(answer(["a", "b", "c"], end=END)), sent_ns=50)

    assert found.chunks == (Chunk(100, "a"), Chunk(120, "b"), Chunk(140, "c"))
    assert found.done_ns == 160
    assert found.failure is None
    assert found.timings == ServerTimings(
        done_reason="length", total_s=9.0, load_s=0.002, prompt_count=64, prompt_s=0.2, eval_count=3, eval_s=0.04
    )


def test_thinking_and_answer_are_kept_apart():
    found = decode(arriving(answer(["b"], thinking=["a"], end=END)), sent_ns=0)

    assert found.chunks == (Chunk(100, "", "a"), Chunk(120, "b", ""))
    assert (found.text, found.thinking) == ("b", "a")


def test_a_line_cut_over_several_reads_has_the_stamp_of_the_read_that_completed_it():
    whole = b"".join(ndjson(answer(["a", "ß"], end=END)))
    cut = [Arrival(100 + place, whole[place : place + 1]) for place in range(len(whole))]

    first_end = whole.index(b"\n")
    second_end = whole.index(b"\n", first_end + 1)
    assert decode(cut, sent_ns=0).chunks == (Chunk(100 + first_end, "a"), Chunk(100 + second_end, "ß"))


def test_several_lines_in_one_read_share_its_stamp():
    found = decode([Arrival(7, b"".join(ndjson(answer(["a", "b"], end=END))))], sent_ns=0)

    assert [chunk.at_ns for chunk in found.chunks] == [7, 7]
    assert found.done_ns == 7


def test_blank_lines_and_a_missing_last_end_of_line_change_nothing():
    assert lines([Arrival(1, b"\n\na\n \nb")]) == [(1, b"a"), (1, b"b")]


def test_absent_and_zero_durations_are_unknown_and_not_instant():
    end = final(prompt_eval_duration=None, eval_duration=0, load_duration=None, total_duration=None)
    found = decode(arriving(answer(["a"], end=end)), sent_ns=0)

    assert found.timings == ServerTimings(done_reason="length", prompt_count=4, eval_count=6)


def test_raw_keeps_the_servers_fields_without_the_text_and_the_context():
    end = final(response="", thinking="", context=[1, 2, 3], prompt_eval_cached_count=60)
    found = decode(arriving(answer([], end=end)), sent_ns=0)

    assert found.raw == {key: value for key, value in end.items() if key not in ("response", "thinking", "context")}
    assert found.timings is not None
    assert found.timings.prompt_cached_count == 60


def test_text_in_the_final_record_is_a_chunk_too():
    found = decode(arriving([final(response="tail")]), sent_ns=0)

    assert found.chunks == (Chunk(100, "tail"),)


def test_a_stream_without_a_final_record_after_31_equal_chunks_is_the_repetition_limit():
    found = decode(arriving(repeated_without_end(" a", times=31)), sent_ns=0)

    assert found.timings is None
    assert found.done_ns is None
    assert found.failure == Failure(
        code="aborted",
        message="Ollama ended the stream without its final record after 31 equal chunks: "
        "the model repeats itself, and Ollama stops it without saying so.",
    )


def test_30_equal_chunks_are_below_the_repetition_limit():
    found = decode(arriving(repeated_without_end(" a", times=30)), sent_ns=0)

    assert found.failure == Failure(
        code="aborted", message="The stream ended after 30 chunks without its final record."
    )


def test_a_stream_cut_before_its_final_record_says_how_far_it_came():
    found = decode(arriving(answer(["a", "b"])[:-1]), sent_ns=0)

    assert found.failure == Failure(code="aborted", message="The stream ended after 2 chunks without its final record.")


def test_an_error_record_inside_a_200_is_a_failure_with_what_ollama_said():
    found = decode(arriving(runner_died(["a"])), sent_ns=0)

    assert found.timings is None
    assert found.failure == Failure(
        code="ollama_refused",
        message="Ollama answered 200: an error was encountered while running the model: unexpected EOF",
    )


def test_a_status_of_400_or_more_is_a_failure_whatever_the_body():
    said = [Arrival(1, json.dumps({"error": "model 'x' not found"}).encode())]

    assert decode(said, sent_ns=0, status=404).failure == Failure(
        code="ollama_refused", message="Ollama answered 404: model 'x' not found"
    )
    assert decode([Arrival(1, b"{}")], sent_ns=0, status=400).failure == Failure(
        code="ollama_refused", message="Ollama answered 400: {}"
    )
    assert decode([], sent_ns=0, status=400).failure == Failure(code="ollama_refused", message="Ollama answered 400.")
    assert decode([], sent_ns=0, status=503).failure == Failure(code="ollama_refused", message="Ollama answered 503.")


def test_html_is_no_answer_of_ollama():
    found = decode([Arrival(1, b"<html><body>Bad gateway</body></html>")], sent_ns=0, status=502)

    assert found.failure == Failure(
        code="ollama_garbled",
        message="The answer (status 502) is not Ollama's: it begins with '<html><body>Bad gateway</body></html>'.",
    )


def test_a_json_value_that_is_no_object_is_no_answer_either():
    assert decode([Arrival(1, b"[1]\n")], sent_ns=0).failure == Failure(
        code="ollama_garbled", message="The answer (status 200) is not Ollama's: it begins with '[1]'."
    )


def test_fields_of_the_wrong_type_are_unknown():
    end = final(eval_count=True, eval_duration="1", prompt_eval_count="4", done_reason=3)
    found = decode(arriving([{"response": 5, "done": False}, end]), sent_ns=0)

    assert found.chunks == (Chunk(100),)
    assert found.timings == ServerTimings(total_s=0.292939474, load_s=0.008022204, prompt_s=0.001118448)


def test_what_is_quoted_of_a_strange_answer_is_its_beginning():
    garbled, refused = b"\xff" + b"x" * 99, {"detail": "y" * 300}

    assert decode([Arrival(1, garbled)], sent_ns=0).failure == Failure(
        code="ollama_garbled",
        message="The answer (status 200) is not Ollama's: it begins with '\ufffd" + "x" * 59 + "'.",  # 60 characters
    )
    assert decode([Arrival(1, json.dumps(refused).encode())], sent_ns=0, status=500).failure == Failure(
        code="ollama_refused",
        message='Ollama answered 500: {"detail": "' + "y" * 188,  # 200 characters, of which 12 are the name
    )


def test_a_duration_of_one_nanosecond_is_one():
    found = decode(arriving([final(load_duration=1)]), sent_ns=0)

    assert found.timings is not None
    assert found.timings.load_s == 1e-9


def test_chunks_are_told_as_soon_as_their_lines_are_complete():
    records = Records()

    assert records.chunks(Arrival(1, b'{"response": "a"}\n{"resp')) == [Chunk(1, "a")]
    assert records.chunks(Arrival(2, b'onse": "b"}\nno JSON\n[1]\n{"thinking": "c"}\n')) == [
        Chunk(2, "b"),
        Chunk(2, "", "c"),
    ]
    assert records.chunks(Arrival(3, b'{"response": "", "done": true}\n')) == []  # without text
