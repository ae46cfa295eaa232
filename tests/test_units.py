"""Values as people read them."""

import pytest

from orac_bench.units import Unit, format, scale, seconds, share, span, three_digits


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
    ],
)
def test_a_value_has_three_digits_and_its_unit(value, unit, text):
    assert format(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.0123"), (1.234, "1.23"), (99.96, "100"), (1234.5, "1234"), (0, "0"), (1e-20, "0.000000000000")],
)
def test_three_digits_have_no_exponent(value, text):
    assert three_digits(value) == text


def test_a_scale_serves_a_value_and_its_interval_alike():
    assert scale(0.2, Unit.SECOND) == (1e-3, "ms")
    assert scale(0, Unit.SECOND) == (1.0, "s")
    assert scale(5, Unit.TOKENS_PER_SECOND) == (1.0, "tokens/s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3840, "1 h 04 min"), (-3, "0 s")],
)
def test_a_span_is_told_to_the_second(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("10m", 600), ("10min", 600), ("1.5h", 5400), (" 2 m ", 120)]
)
def test_a_length_of_time_is_read_as_people_type_it(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "0s", "10mm", "1e3", "nan", "5 minutes"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ValueError, match="is no length of time"):
        seconds(text)


@pytest.mark.parametrize(("text", "ratio"), [("2%", 0.02), ("0.5 %", 0.005), ("0.02", 0.02), ("1e-05", 0.00001)])
def test_a_part_of_a_whole_is_read_as_people_and_programs_write_it(text, ratio):
    assert share(text) == ratio


@pytest.mark.parametrize("text", ["", "%", "0%", "-2%", "51%", "2", "nan", "two"])
def test_what_is_no_part_of_a_whole_is_refused(text):
    with pytest.raises(ValueError):
        share(text)
