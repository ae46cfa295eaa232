"""Values as people read them."""

import pytest

from orac_bench.units import Unit, counted, format, interval, percent, scale, seconds, share, span, three_digits


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.2091, Unit.SECOND, "209 ms"),
        (0.0000123, Unit.SECOND, "12.3 µs"),
        (1.5e-9, Unit.SECOND, "1.50 ns"),
        (123.4, Unit.SECOND, "123 s"),
        (0, Unit.SECOND, "0 s"),
        (0.9999, Unit.SECOND, "1.00 s"),
        (98_362_432, Unit.BYTE, "93.8 MiB"),
        (12, Unit.BYTE, "12.0 B"),
        (0, Unit.BYTE, "0 B"),
        (50.04, Unit.TOKENS_PER_SECOND, "50.0 tok/s"),
        (64.0, Unit.TOKEN, "64 tokens"),
        (0.25, Unit.JOULES_PER_TOKEN, "250 mJ/tok"),
        (7.5, Unit.WATT, "7.50 W"),
        (-0.398, Unit.WATT, "-398 mW"),
        (1_020_000_000, Unit.HERTZ, "1.02 GHz"),
        (48.25, Unit.CELSIUS, "48.2 °C"),
        (0.987, Unit.RATIO, "0.987"),
        (None, Unit.SECOND, "–"),
        (0.9995, Unit.SECOND, "1.00 s"),  # rounds up to a whole one
        (0.9994, Unit.SECOND, "999 ms"),
        (4e-12, Unit.SECOND, "0.00400 ns"),  # nothing is smaller
        (1024, Unit.BYTE, "1.00 KiB"),
        (3 * 1024**3, Unit.BYTE, "3.00 GiB"),
        (1.5 * 1024**4, Unit.BYTE, "1.50 TiB"),
        (440, Unit.HERTZ, "440 Hz"),
        (44_100, Unit.HERTZ, "44.1 kHz"),
        (1_500_000, Unit.HERTZ, "1.50 MHz"),
        (1.5e9, Unit.HERTZ, "1.50 GHz"),
        (2300, Unit.JOULE, "2.30 kJ"),
        (12.3, Unit.JOULE, "12.3 J"),
        (0.002, Unit.JOULE, "2.00 mJ"),
        (0.00003, Unit.JOULE, "30.0 µJ"),
        (0, Unit.JOULE, "0 J"),
    ],
)
def test_a_value_has_three_digits_and_its_unit(value, unit, text):
    assert format(value, unit) == text


def test_a_unit_is_written_alike_in_every_document():
    """These names are in files that people keep: JSON, CSV, answers of the service."""
    assert [unit.value for unit in Unit] == [
        *("s", "B", "tokens", "tokens/s", "J", "J/token", "W", "Hz", "celsius", "ratio"),
    ]


@pytest.mark.parametrize(
    ("value", "factor"),
    [(1e9, 1e9), (1e6, 1e6), (1e3, 1e3), (1.0, 1.0)],
)
def test_the_factors_of_a_clock_are_whole_powers_of_a_thousand(value, factor):
    assert scale(value, Unit.HERTZ)[0] == factor


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_the_factors_of_bytes_are_powers_of_1024(power):
    assert scale(1024.0**power, Unit.BYTE)[0] == 1024**power


@pytest.mark.parametrize(("value", "factor"), [(2300, 1e3), (2.3, 1.0), (2.3e-3, 1e-3), (2.3e-6, 1e-6)])
def test_the_factors_of_energy_are_powers_of_a_thousand(value, factor):
    assert scale(value, Unit.JOULE)[0] == factor


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.032, "+3.2 %"),
        (0.995, "-0.5 %"),
        (1.0, "+0.0 %"),
        (1.999, "+99.9 %"),
        (1.9995, "+100 %"),  # the first that is written so
        (1.9996, "+100 %"),  # 99.96 has three digits without a decimal
        (2.203, "+120 %"),
        (None, "–"),
    ],
)
def test_a_change_is_told_in_percent_with_its_sign(ratio, text):
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123, "0.0123"),
        (1.234, "1.23"),
        (99.96, "100"),
        (99.95, "100"),
        (1234.5, "1234"),
        (0, "0"),
        (1e-20, "0.000000000000"),
    ],
)
def test_three_digits_have_no_exponent(value, text):
    assert three_digits(value) == text


def test_a_scale_serves_a_value_and_its_interval_alike():
    assert scale(0.2, Unit.SECOND) == (1e-3, "ms")
    assert scale(0, Unit.SECOND) == (1.0, "s")
    assert scale(5, Unit.TOKENS_PER_SECOND) == (1.0, "tokens/s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3540, "59 min 00 s"),
        (3600, "1 h 00 min"),
        (3840, "1 h 04 min"),
        (7200, "2 h 00 min"),
        (-3, "0 s"),
    ],
)
def test_a_span_is_told_to_the_second(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("10m", 600), ("10min", 600), ("1.5h", 5400), (" 2 m ", 120), ("0.5", 0.5)],
)
def test_a_length_of_time_is_read_as_people_type_it(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "0s", "10mm", "1e3", "nan", "5 minutes", "9" * 400])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ValueError, match="is no length of time"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "ratio"), [("2%", 0.02), ("0.5 %", 0.005), ("50%", 0.5), ("0.02", 0.02), ("1e-05", 0.00001)]
)
def test_a_part_of_a_whole_is_read_as_people_and_programs_write_it(text, ratio):
    assert share(text) == ratio


@pytest.mark.parametrize("text", ["", "%", "0%", "-2%", "51%", "2", "nan", "two"])
def test_what_is_no_part_of_a_whole_is_refused(text):
    with pytest.raises(ValueError):
        share(text)


def test_an_interval_has_the_prefix_of_what_it_stands_beside():
    assert interval(0.98, 1.5, Unit.SECOND, beside=1.2) == "0.980–1.50"
    assert interval(0.98, 1.5, Unit.SECOND, beside=0.99) == "980–1500"  # beside "990 ms"
    assert interval(12.0, 13.5, Unit.TOKENS_PER_SECOND, beside=12.4, between=", ") == "12.0, 13.5"


def test_things_are_counted_in_words():
    assert [counted(number, "round") for number in (0, 1, 2)] == ["0 rounds", "1 round", "2 rounds"]
