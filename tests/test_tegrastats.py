"""Lines of tegrastats become readings: the whole grammar, boards that were recorded and boards that were not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orac_bench.telemetry.reading import Core, Engine, Mts, Rail, Reading, Temperature
from orac_bench.telemetry.tegrastats import parse_line, to_json

RECORDED = Path(__file__).parent / "data" / "tegrastats"
MB = 2**20
KB = 2**10
MHZ = 10**6


def recorded(name: str) -> list[str]:
    return (RECORDED / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def engine(load: float | None = None, *mhz: int, off: bool = False) -> Engine:
    return Engine(load_ratio=load, hz=tuple(clock * MHZ for clock in mhz), off=off)


def rail(name: str, now: float, mean: float, peak: float | None = None) -> Rail:
    return Rail(name=name, now_w=now, mean_w=mean, peak_w=peak)


def zone(name: str, celsius: float | None, peak: float | None = None) -> Temperature:
    return Temperature(name=name, celsius=celsius, peak_celsius=peak)


def core(load: float, mhz: int | None) -> Core:
    return Core(load_ratio=load, hz=None if mhz is None else mhz * MHZ)


def test_every_recorded_line_is_read_with_no_word_left_over() -> None:
    readings = [parse_line(line) for file in sorted(RECORDED.glob("*.txt")) for line in recorded(file.stem)]
    assert len(readings) == 866
    assert [(reading.bad, reading.unknown) for reading in readings if reading.bad or reading.unknown] == []


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.txt")), ids=lambda file: file.stem)
def test_every_number_of_a_recorded_line_is_in_its_reading(file: Path) -> None:
    for line in recorded(file.stem):
        reading = parse_line(line)
        text = re.sub(r"^\d\d-\d\d-\d{4} \S+ ", "", line)
        names = re.findall(r"(\S+)@-?\d+(?:\.\d+)?C", text)
        rails = re.findall(r"([A-Z]\w*) (-?\d+)(?:mW)?/(-?\d+)", text.split("]", 1)[1])
        words = re.findall(r"([A-Z]\w*?)(?:_FREQ)? +(?=off|\d+%|@|\d+ )", text.split("]", 1)[1])
        assert [temperature.name for temperature in reading.temperatures] == names
        assert [(each.name, each.now_w, each.mean_w) for each in reading.rails] == [
            (name, int(now) / 1000, int(mean) / 1000) for name, now, mean in rails
        ]
        assert len(reading.cpus) == text.split("[", 1)[1].split("]", 1)[0].count(",") + 1
        assert list(reading.engines) == words


def test_a_line_of_an_orin_nano_as_root_is_read_whole() -> None:
    line = recorded("orin-nano_jp6_R36_sudo")[0]
    off = engine(off=True)
    assert parse_line(line) == Reading(
        raw=line,
        at="05-15-2026 21:25:52",
        ram_used_b=3709 * MB,
        ram_total_b=7607 * MB,
        ram_lfb_blocks=21,
        ram_lfb_block_b=4 * MB,
        swap_used_b=138 * MB,
        swap_total_b=3804 * MB,
        swap_cached_b=0,
        cpus=tuple(core(load, 729) for load in (0.34, 0.15, 0.36, 0.36, 0.17, 0.15)),
        engines={
            "EMC": engine(0.05, 2133),
            "GR3D": engine(0.12, 306),
            **dict.fromkeys(("NVDEC", "NVJPG", "NVJPG1", "VIC", "OFA"), off),
            "APE": engine(None, 200),
        },
        temperatures=(
            zone("cpu", 66.656),
            zone("soc2", 65.406),
            zone("soc0", 66.437),
            zone("gpu", 65.875),
            zone("tj", 66.687),
            zone("soc1", 66.687),
        ),
        rails=(
            rail("VDD_IN", 6.426, 6.426),
            rail("VDD_CPU_GPU_CV", 1.22, 1.22),
            rail("VDD_SOC", 1.695, 1.695),
        ),
    )


def test_the_json_of_a_line_has_the_published_keys_and_survives_a_round_trip() -> None:
    line = "RAM 2/4MB (lfb 2x128kB) CPU [1%@729,off] GR3D_FREQ 99% cpu@49C VDD_IN 5000mW/4000mW"
    document = to_json(parse_line(line), 7)
    assert json.loads(json.dumps(document)) == document
    assert document == {
        "line": 7,
        "raw": line,
        "at": None,
        "ram_used_b": 2 * MB,
        "ram_total_b": 4 * MB,
        "ram_lfb_blocks": 2,
        "ram_lfb_block_b": 128 * KB,
        **dict.fromkeys(("swap_used_b", "swap_total_b", "swap_cached_b", "iram_used_b", "iram_total_b", "mts")),
        "cpus": [{"load_ratio": 0.01, "hz": 729 * MHZ}, None],
        "engines": {"GR3D": {"load_ratio": 0.99, "hz": [], "off": False}},
        "temperatures": [{"name": "cpu", "celsius": 49.0, "peak_celsius": None}],
        "rails": [{"name": "VDD_IN", "now_w": 5.0, "mean_w": 4.0, "peak_w": None}],
        "unknown": [],
    }


def test_a_line_of_a_tk1_has_one_clock_for_all_cores_and_engines_without_freq() -> None:
    reading = parse_line(
        "RAM 813/1892MB (lfb 12x4MB) SWAP 0/0MB (cached 0MB) cpu [5%,7%,off,off]@204 EMC 2%@204 AVP 0%@12 VDE 0 "
        "GR3D 3%@72 EDP limit 0"
    )
    assert reading.cpus == (core(0.05, 204), core(0.07, 204), None, None)
    assert reading.engines == {
        "EMC": engine(0.02, 204),
        "AVP": engine(0.0, 12),
        "VDE": engine(None, 0),
        "GR3D": engine(0.03, 72),
    }
    assert (reading.unknown, reading.rails, reading.temperatures) == ((), (), ())


def test_a_line_of_an_agx_xavier_has_rails_named_like_engines_and_temperatures() -> None:
    reading = parse_line(
        "RAM 2000/31918MB (lfb 2x4MB) SWAP 0/15959MB (cached 0MB) CPU [0%@1190,off] EMC_FREQ 0%@1600 "
        "GR3D_FREQ 3%@318 APE 150 MTS fg 1% bg 9% GPU@31.5C CPU@33.5C PMIC@100C GPU 0/12 CPU 311/310 SYS5V 1672/1671"
    )
    assert reading.mts == Mts(foreground_ratio=0.01, background_ratio=0.09)
    assert reading.temperatures == (zone("GPU", 31.5), zone("CPU", 33.5), zone("PMIC", 100.0))
    assert reading.rails == (rail("GPU", 0.0, 0.012), rail("CPU", 0.311, 0.31), rail("SYS5V", 1.672, 1.671))
    assert reading.engines == {"EMC": engine(0.0, 1600), "GR3D": engine(0.03, 318), "APE": engine(None, 150)}


def test_iram_of_a_nano_is_kilobytes_and_does_not_pass_for_ram() -> None:
    reading = parse_line(recorded("nano_jp4_R32")[0])
    assert (reading.iram_used_b, reading.iram_total_b) == (0, 252 * KB)
    assert (reading.ram_used_b, reading.ram_total_b) == (534 * MB, 3964 * MB)


def test_thor_shows_clocks_and_no_load_which_is_unknown_and_not_zero() -> None:
    engines = parse_line(recorded("thor_jp7_R38")[4]).engines
    assert engines["GR3D"] == engine(None, 314, 314, 314)
    assert engines["NVENC0"] == engine(None, 314)
    assert engines["PVA0"] == engines["VIC"] == engine(off=True)


def test_a_load_without_a_clock_leaves_the_clock_empty() -> None:
    assert parse_line(recorded("orin-nano_jp6_R36_nosudo")[0]).engines == {"GR3D": engine(0.0)}


def test_r39_adds_peaks_to_rails_and_temperatures() -> None:
    reading = parse_line(recorded("orin-nano_jp7_R39")[2])
    assert reading.rails[0] == rail("VDD_IN", 3.462, 3.522, 3.582)
    assert reading.temperatures[0] == zone("cpu", 45.375, 45.812)


def test_a_powered_off_zone_has_no_temperature_and_a_cold_one_keeps_its_minus() -> None:
    reading = parse_line("RAM 1/2MB (lfb 1x4MB) CPU [0%@1] CV0@-256C cpu@-3.5C GPU@-256C/-256C")
    assert reading.temperatures == (zone("CV0", None), zone("cpu", -3.5), zone("GPU", None))


def test_negative_power_is_kept_and_a_rail_that_comes_twice_stays_twice() -> None:
    assert parse_line(recorded("agx-orin_jp6_R36")[0]).rails[1] == rail("VDD_CPU_CV", -0.398, -0.398)
    assert [each.name for each in parse_line(recorded("agx-orin_jp5_R35")[1]).rails].count("NC") == 2


def test_order_spacing_and_case_do_not_matter() -> None:
    memory = "SWAP 1/2MB (cached 0MB)|ram 2/4mb (LFB 1x4MB)"
    fields = f"VDD_IN 5000mW/4000mW|gr3d_freq 9%@[305,306]|cpu@49C|cpu [1%@729, OFF]|{memory}"
    forward = parse_line("  ".join(fields.split("|")))
    backward = parse_line("\t".join(reversed(fields.split("|"))) + "   ")
    assert forward.bad is backward.bad is None
    assert forward.unknown == backward.unknown == ()
    assert (forward.cpus, forward.engines, forward.rails) == (backward.cpus, backward.engines, backward.rails)
    assert forward.engines == {"GR3D": engine(0.09, 305, 306)}
    assert forward.ram_total_b == backward.ram_total_b == 4 * MB


BARE = "RAM 775/7620MB (lfb 3x4MB) CPU [1%@729,off] GR3D_FREQ 0% tj@49.1C VDD_IN 4761mW/4778mW"


@pytest.mark.parametrize(
    ("prefix", "suffix", "at"),
    [
        ("", "", None),
        ("04-27-2026 14:59:41 ", "", "04-27-2026 14:59:41"),
        ("2026-04-27T14:59:41.123456Z ", "", "2026-04-27T14:59:41.123456Z"),
        ("2026-04-27T14:59:41.123Z 04-27-2026 16:59:41 ", "", "04-27-2026 16:59:41"),
        ("[2026-04-27 14:59:41,123] INFO power: ", "", "2026-04-27 14:59:41,123"),
        ("Apr 27 14:59:41 jetson tegrastats[812]: ", "", "Apr 27 14:59:41"),
        ("Mon Apr  7 14:59:41 2026 ", "", "Mon Apr  7 14:59:41 2026"),
        ("2026/04/27 14:59:41 1/2 ", "", "2026/04/27 14:59:41"),
        ("14:59:41 ", "", "14:59:41"),
        ("1777301981.25 ", "", None),
        ("\x1b[32mboard-1  |\x1b[0m ", "", None),
        ("tegrastats: it's running: ", "", None),
        ('{"log":"', '\\n","stream":"stdout","time":"2026-04-27T14:59:41Z"}', None),
        ('{"t": 1, "line": "04-27-2026 14:59:41 ', '", "ok": true}', "04-27-2026 14:59:41"),
        ("\x00\x00\x00", "", None),
    ],
)
def test_what_a_logger_puts_before_a_line_changes_nothing_but_the_time(
    prefix: str, suffix: str, at: str | None
) -> None:
    reading, bare = parse_line(prefix + BARE + suffix), parse_line(BARE)
    assert reading == Reading(**{**vars(bare), "raw": prefix + BARE + suffix, "at": at})


def test_words_that_are_not_understood_are_kept_and_the_rest_is_read() -> None:
    reading = parse_line(BARE.replace("tj@", "FUTURE 77 NEW@x [1,2] tj@") + " HELLO")
    assert reading.unknown == ("FUTURE", "77", "NEW@x", "[1,2]", "HELLO")
    assert (reading.bad, reading.temperatures, reading.rails) == (
        None,
        parse_line(BARE).temperatures,
        parse_line(BARE).rails,
    )


def test_an_engine_of_a_later_board_is_read_by_its_shape() -> None:
    engines = parse_line(BARE + " NVXYZ3 41%@166 QUX off FOO_FREQ @12 BAR_FREQ 12").engines
    assert engines == {
        "GR3D": engine(0.0),
        "NVXYZ3": engine(0.41, 166),
        "QUX": engine(off=True),
        "FOO": engine(None, 12),
        "BAR": engine(None, 12),
    }


def test_a_second_engine_of_the_same_name_does_not_replace_the_first() -> None:
    reading = parse_line(BARE + " GR3D_FREQ 50%")
    assert (reading.engines["GR3D"], reading.unknown) == (engine(0.0), ("GR3D_FREQ", "50%"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the line is empty"),
        (" \t\r\n", "the line is empty"),
        ("Unknown command: --once", "no field of tegrastats is in it"),
        ("\x7fELF\x02\x01\x00", "it holds bytes that are no text"),
        (BARE.replace("tj", "t\x00j"), "it holds bytes that are no text"),
        (BARE.replace("tj", "t\ufffdj"), "it holds bytes that are no text"),
        ("RAM 775/76", "the memory is missing: no 'RAM used/totalMB'"),
        ("RAM 775/7620MB (lfb 3x4MB)", "the cores are missing: no 'CPU [...]' that can be read"),
        ("RAM 775/7620MB (lfb 3x4MB) CPU [1%@729,0%@7", "it ends in the middle of 'CPU [1%@729,0%@7'"),
        (
            "RAM 775/7620MB (lfb 3x4MB) CPU [1%@729,,] tj@4C",
            "the cores are missing: no 'CPU [...]' that can be read",
        ),
        ("9,off] GR3D_FREQ 0% tj@49.1C VDD_IN 4761mW/4778mW", "the memory is missing: no 'RAM used/totalMB'"),
        (BARE[:-2], "it ends in the middle of 'VDD_IN 4761mW/4778'"),
        (BARE[:-6], "it ends in the middle of 'VDD_IN 4761mW/'"),
        (BARE[:-14], "it ends in the middle of 'VDD_IN'"),
        (BARE[:-18], "it ends in the middle of 'VD'"),
        (BARE.partition("C VDD")[0], "it ends in the middle of 'tj@49.1'"),
        (BARE.partition("%")[0] + "%@729] GR3D_FREQ 0", "it ends in the middle of 'GR3D_FREQ 0'"),
        (BARE + " NVDEC of", "it ends in the middle of 'NVDEC of'"),
        (BARE + " GR3D2_FREQ 0%@[305", "it ends in the middle of 'GR3D2_FREQ 0%@[305'"),
        (BARE + " MTS fg 1% bg", "it ends in the middle of 'MTS fg 1% bg'"),
        ("RAM 775/7620MB (lfb 3x4MB) SWAP 0/38" + BARE, "two lines run into each other"),
        (BARE + BARE, "two lines run into each other"),
        (BARE.replace("4761mW", "9" * 5000 + "mW"), "it holds a number that no board has"),
        (BARE.replace("4761mW", "9" * 400 + "mW"), "it holds a number that no board has"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(text: str, reason: str) -> None:
    raw = text.rstrip("\r\n")
    assert parse_line(text) == Reading(raw=raw, bad=reason)
    assert to_json(parse_line(text), 3) == {"line": 3, "raw": raw, "bad": reason}


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.txt")), ids=lambda file: file.stem)
def test_a_line_cut_anywhere_is_bad_or_holds_a_part_of_the_whole_and_nothing_invented(file: Path) -> None:
    line = recorded(file.stem)[0]
    whole = parse_line(line)
    for end in range(len(line)):
        part = parse_line(line[:end])
        assert part.bad or (part.cpus == whole.cpus and part.ram_total_b == whole.ram_total_b), line[:end]
        assert part.bad or part.unknown == (), line[:end]
        assert (
            part.temperatures == whole.temperatures[: len(part.temperatures)]
            or part.temperatures[-1].peak_celsius is None
        )


def test_parsing_noise_never_raises() -> None:
    import random

    chance = random.Random(4)
    line = recorded("agx-orin_jp6_R36")[5]
    for _ in range(500):
        letters = list(line)
        for _ in range(chance.randrange(1, 12)):
            letters[chance.randrange(len(letters))] = chr(chance.choice((*range(32, 127), 0, 9, 0xFFFD, 0x1F600)))
        assert isinstance(parse_line("".join(letters)), Reading)


def test_gigabytes_are_bytes_too() -> None:
    found = parse_line("RAM 3/8GB (lfb 2x1GB) CPU [1%@2]")
    assert (found.ram_used_b, found.ram_total_b, found.ram_lfb_block_b) == (3 * 1024**3, 8 * 1024**3, 1024**3)


def test_a_field_that_comes_twice_counts_once_and_the_second_is_not_understood() -> None:
    found = parse_line("RAM 3/8MB RAM 4/9MB CPU [1%@2] CPU [3%@4] VDD_IN 5mW/6mW")
    assert (found.ram_total_b, found.cpus) == (8 * 1024**2, (Core(load_ratio=0.01, hz=2_000_000),))
    assert found.unknown == ("RAM", "4/9MB", "CPU", "[3%@4]")


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_line_in_quotes_of_either_kind_ends_with_them(quote: str) -> None:
    found = parse_line(f"msg={quote}RAM 3/8MB CPU [1%@2] VDD_IN 5mW/6mW\\n{quote} level=info")
    assert (found.rails, found.unknown) == ((Rail(name="VDD_IN", now_w=0.005, mean_w=0.006, peak_w=None),), ())
    assert parse_line(f"msg={quote}RAM 3/8MB CPU [1%@2] NEXT{quote}").unknown == ("NEXT",)
    assert parse_line(f"msg={quote}RAM 3/8MB CPU [1%@2] NEX{quote}").unknown == ("NEX",)


def test_fields_before_the_memory_are_read_with_and_without_a_time() -> None:
    plain = "EMC_FREQ 5%@3 RAM 3/8MB CPU [1%@2]"
    for line in (plain, f"04-19-2026 23:59:59 {plain}"):
        assert dict(parse_line(line).engines) == {"EMC": Engine(load_ratio=0.05, hz=(3_000_000,), off=False)}
    plain = "APE 150 RAM 3/8MB CPU [1%@2]"  # a field that alone would make no line
    for line in (plain, f"04-19-2026 23:59:59 {plain}"):
        assert dict(parse_line(line).engines) == {"APE": Engine(load_ratio=None, hz=(150_000_000,), off=False)}


def test_the_raw_line_is_kept_but_for_its_end() -> None:
    assert parse_line("nothing X \r\n").raw == "nothing X "
    assert parse_line("nothing X\r\n").raw == "nothing X"
