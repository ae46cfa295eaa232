"""The grid as data: points under the person's wishes, and cases by what is asked of which bytes."""

import dataclasses

from orac_bench.records import Workload
from orac_bench.suites.grid import OPTIONS, SUITES, Wishes, case, points, round_seed


def test_the_suites_are_those_of_the_interface():
    table = [
        (s.name, s.headlines, s.warmup, s.rounds, s.prompt_tokens, s.output_tokens, s.cold) for s in SUITES.values()
    ]

    assert table == [
        ("first_token", ("ttft_s",), 2, 10, (64,), 16, False),
        ("decode", ("decode_tokens_per_s",), 2, 10, (64,), 128, False),
        ("prompt_length", ("prefill_tokens_per_s", "ttft_s"), 1, 6, (64, 256, 1024), 16, False),
        ("cold_load", ("load_s",), 0, 6, (64,), 16, True),
        ("sustained", ("sustained_ratio",), 0, 1, (64,), 256, False),
        ("prompt", ("e2e_s",), 0, 3, (), 128, False),
    ]


def test_measured_requests_have_no_stop_words_and_are_neither_greedy_nor_repetitive():
    assert OPTIONS == {"temperature": 0.7, "repeat_penalty": 1.1, "stop": []}


def test_wishes_replace_the_suites_numbers():
    wishes = Wishes(rounds=3, warmup=0, output_tokens=8, prompt_tokens=(32,))

    (point,) = points(SUITES["prompt_length"], wishes)

    assert (point.workload, point.warmup, point.rounds) == (Workload(prompt_tokens=32, output_tokens=8), 0, 3)
    assert point.tokens == 40


def test_a_prompt_file_takes_the_place_of_the_lengths():
    (point,) = points(SUITES["prompt_length"], Wishes(prompt_sha256="ab"))

    assert point.workload == Workload(prompt_tokens=None, output_tokens=16, prompt_sha256="ab")
    assert point.workload.label == "file → 16"


def key_of(suite="decode", digest="d1", name="m", parameters=None, wishes=None):
    (point,) = points(SUITES[suite], wishes or Wishes())
    return case(point, model=name, model_digest=digest, parameters=parameters or {}).key


def test_a_case_is_known_by_what_is_asked_of_which_bytes():
    assert key_of() == key_of(name="renamed")
    others = [
        key_of(suite="first_token"),
        key_of(digest="d2"),
        key_of(parameters={"num_ctx": 512}),
        key_of(wishes=Wishes(output_tokens=64)),
        key_of(wishes=Wishes(prompt_tokens=(65,))),
        key_of(wishes=Wishes(prompt_sha256="ab")),
    ]
    assert len({key_of(), *others}) == 7


def test_the_number_of_rounds_is_not_part_of_the_question():
    assert key_of(wishes=Wishes(rounds=3, warmup=0)) == key_of()


def test_a_case_keeps_the_options_that_its_requests_have():
    (point,) = points(SUITES["decode"], Wishes())
    found = case(point, model="m", model_digest="d", parameters={"num_ctx": 2048, "temperature": 0.1})

    assert found.options == {"num_ctx": 2048, **OPTIONS}


def test_seeds_differ_by_run_case_phase_and_round_and_can_be_had_again():
    seeds = {
        round_seed(run, key, phase, index) for run in (1, 2) for key in "ab" for phase in ("w", "m") for index in (0, 1)
    }

    assert len(seeds) == 16
    assert round_seed(1, "a", "m", 0) == round_seed(1, "a", "m", 0)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_suite_is_data_that_can_be_replaced():
    assert dataclasses.replace(SUITES["decode"], rounds=1).rounds == 1
