"""Prompts of a wanted length, new from the first token on."""

from itertools import pairwise

import pytest

from orac_bench.suites.prompt import PAD, WORDS, assemble, body, calibrate, nonce


def counting(*, per_word, overhead, per_pad=1):
    """A server that counts `overhead` + `per_word` a word, and the questions that it was asked."""
    asked = []

    def count(words, pads):
        asked.append((words, pads))
        return int(overhead + per_word * words) + per_pad * pads

    return count, asked


@pytest.mark.parametrize("target", [64, 256, 1024])
@pytest.mark.parametrize(("per_word", "overhead"), [(1.0, 30), (1.2, 20), (1.05, 33), (1.3, 12), (2.4, 18)])
def test_the_length_is_found_to_the_token_in_at_most_eight_questions(target, per_word, overhead):
    count, asked = counting(per_word=per_word, overhead=overhead)

    recipe = calibrate(target, count, limit=4096)

    assert recipe.counted == target
    assert count(recipe.words, recipe.pads) == target
    assert len(asked) <= 9


def test_words_of_many_tokens_come_within_5_percent():
    count, _ = counting(per_word=5.0, overhead=20, per_pad=3)

    assert calibrate(256, count, limit=4096).counted == pytest.approx(256, rel=0.05)


def test_a_template_longer_than_the_wanted_length_gives_the_shortest_prompt():
    count, _ = counting(per_word=5.0, overhead=80)

    assert calibrate(64, count, limit=4096).words == 0


def test_no_question_is_longer_than_the_limit():
    count, asked = counting(per_word=1.0, overhead=20)

    calibrate(1024, count, limit=500)

    assert max(20 + words + pads for words, pads in asked) <= 500


def test_prompts_in_a_row_differ_in_their_first_character():
    firsts = [nonce(seed=7, turn=turn)[0] for turn in range(12)]

    assert all(a != b for a, b in pairwise(firsts))


def test_a_nonce_is_eight_digits_whatever_the_seed():
    for seed in range(50):
        digits = nonce(seed, turn=seed).split(" ")
        assert len(digits) == 8
        assert all(len(digit) == 1 and digit.isdigit() for digit in digits)


def test_nonces_of_other_seeds_are_others():
    assert len({nonce(seed, turn=0) for seed in range(1000)}) > 990


def test_the_nonce_comes_before_the_models_template():
    assert assemble("1 2", "<user>", "hello", "<end>") == "1 2 <user>hello<end>"


def test_a_body_is_words_then_pads_and_starts_again_when_they_run_out():
    assert body(2, 1) == f"{WORDS[0]} {WORDS[1]} {PAD}"
    assert body(len(WORDS) + 1, 0) == " ".join([*WORDS, WORDS[0]])
    assert body(0, 0) == ""
