"""Results, runs and models as text."""

from orac_bench.flags import Flag
from orac_bench.records import Failure, Phase, Status, Summary
from orac_bench.tables import failure_lines, flag_lines, next_steps, results_table, rounds_table, spread, table_text
from orac_bench.units import Unit
from orac_bench.visible import visible
from tests.builders import a_case, a_result, a_round, a_run


def a_summary(median, low=None, high=None, n=10):
    return Summary(n=n, median=median, minimum=median, maximum=median, ci_low=low, ci_high=high)


def test_a_median_has_its_interval_in_the_same_unit():
    assert spread(a_summary(0.209, 0.205, 0.2144), Unit.SECOND) == "209 ms (205–214)"
    assert spread(a_summary(1.21, 0.98, 1.5), Unit.SECOND) == "1.21 s (0.980–1.50)"


def test_below_six_rounds_there_is_no_interval_and_n_is_said():
    assert spread(a_summary(50.0, n=3), Unit.TOKENS_PER_SECOND) == "50.0 tok/s (n=3)"
    assert spread(None, Unit.SECOND) == "–"


def test_results_are_a_block_a_model_with_only_the_columns_that_are_filled():
    ten = [a_round(index=index) for index in range(10)]
    first = a_result(rounds=ten, summary={"ttft_s": a_summary(0.2, 0.19, 0.21)})
    second = a_result(
        case=a_case(suite="decode"),
        summary={"decode_tokens_per_s": a_summary(50.0, n=2)},
        status=Status.FAILED,
        rounds=ten[:2],
    )

    text = results_table([first, second], width=120)

    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["tiny"]
    assert rows[1] == ["suite", "tokens", "TTFT", "Decode", "n"]
    assert rows[3] == ["first_token", "64", "→", "16", "200", "ms", "(190–210)", "–", "10/10"]
    assert rows[4] == ["decode", "64", "→", "16", "–", "50.0", "tok/s", "(n=2)", "2/10", "failed"]


def test_no_interval_is_broken_in_its_middle_however_narrow_the_terminal():
    wide = {key: a_summary(1.234, 0.9801, 1.502) for key in ("ttft_s", "e2e_s", "load_s")}
    wide |= {key: a_summary(92.6, 70.2, 1240.0) for key in ("decode_tokens_per_s", "prefill_tokens_per_s")}

    ten = [a_round(index=index) for index in range(10)]
    text = results_table([a_result(case=a_case(model="m" * 60), rounds=ten, summary=wide)], width=80)

    assert text.count("(0.980–1.50)") == 3
    assert text.count("10/10") == 1
    assert text.count("(70.2–1240)") == 2


def test_rounds_show_warm_ups_failures_and_flags():
    result = a_result(
        rounds=(
            a_round(phase=Phase.WARMUP),
            a_round(flags=[Flag.SHORT_OUTPUT]),
            a_round(index=1, failure=Failure(code="ollama_refused", message="Ollama answered 500")),
        )
    )

    lines = rounds_table(result, width=160).splitlines()

    assert lines[2].startswith("warm-up 0")
    assert lines[3].endswith("short_output")
    assert lines[4].endswith("failed: Ollama answered 500")


def test_each_flag_that_occurs_has_a_sentence_and_says_whether_it_excludes():
    result = a_result(rounds=(a_round(flags=[Flag.SHORT_OUTPUT]), a_round(index=1, flags=[Flag.PREFILL_CACHED])))

    assert flag_lines([result]) == [
        "prefill_cached (1 round): the prompt came partly out of Ollama's cache; the prefill rate is left empty.",
        "short_output (1 round, left out): the model ended before it had written the wanted number of tokens.",
    ]


def test_a_failed_case_is_named_with_its_reason():
    failed = a_result(failure=Failure(code="does_not_fit", message="needs 6 GiB"))

    assert failure_lines([failed, a_result()]) == ["tiny first_token 64 → 16: needs 6 GiB"]


def test_the_next_steps_say_where_the_data_is_and_how_to_go_on():
    run = a_run(id="r1", status=Status.INTERRUPTED)

    assert next_steps(run, "sqlite:////data/orac.db") == [
        "Every round is in /data/orac.db",
        "Go on where it stopped: orac bench --resume r1",
        "Look closer: orac show r1 --rounds   All runs: orac list",
    ]


def test_markup_in_a_name_is_text():
    assert "[red]x[/red]" in table_text(("name",), [("[red]x[/red]",)])


def test_what_would_move_the_cursor_or_turn_words_round_is_shown_as_its_escape():
    hostile = "\x1b[31mred\x1b[0m \u202eolleh \x9b2J \r\x07\udcff"
    seen = r"\x1b[31mred\x1b[0m \u202eolleh \x9b2J \r\x07\udcff"

    assert visible(hostile) == seen
    assert visible("Zeile eins\n\tzwei: 語, é, 👩\u200d🔬") == "Zeile eins\n\tzwei: 語, é, 👩\u200d🔬"
    assert seen in results_table([a_result(case=a_case(model=hostile))])
    assert r"\x1b[31m" in table_text(("name",), [("\x1b[31mred",)])
