"""The shapes of what tegrastats prints, from R21 to R39. Pure; `tegrastats.py` puts them together.

RAM    := "RAM" used/total"MB" "(lfb" N"x"Z("MB"|"kB")")"
SWAP   := "SWAP" used/total"MB" "(cached" n"MB)"              absent while no swap is on
IRAM   := "IRAM" used/total"kB(lfb" n"kB)"
CPU    := "CPU [" core{","core} "]" ["@"MHz]                  core := load"%" ["@"MHz] | "off"
engine := NAME["_FREQ"] ( "off" | MHz | [load"%"] ["@"MHz | "@["MHz{","MHz}"]"] )
MTS    := "MTS fg" n"% bg" n"%"
temp   := name"@"C["C/"peakC]"C"
rail   := NAME now["mW"]"/"mean["mW"]["/"peak"mW"]
"""

from __future__ import annotations

import re

_NUMBER = r"-?\d+(?:\.\d+)?"
_END = r"(?=\s|$)"
_SIZES = r"(\d+)\s*/\s*(\d+)\s*([kMG]B)"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


RAM = _compiled(rf"RAM\s+{_SIZES}(?:\s*\(\s*lfb\s+(\d+)\s*x\s*(\d+)\s*([kMG]B)\s*\))?{_END}")
SWAP = _compiled(rf"SWAP\s+{_SIZES}(?:\s*\(\s*cached\s+(\d+)\s*([kMG]B)\s*\))?{_END}")
IRAM = _compiled(rf"IRAM\s+{_SIZES}(?:\s*\(\s*lfb\s+\d+\s*[kMG]B\s*\))?{_END}")
CPU = _compiled(rf"CPU\s*\[([^\]\[]*)\](?:@(\d+))?{_END}")
CORE = _compiled(r"(?:(\d+(?:\.\d+)?)%(?:@(\d+))?|(off))")
MTS = _compiled(rf"MTS\s+fg\s+({_NUMBER})%\s+bg\s+({_NUMBER})%{_END}")
EDP = _compiled(rf"EDP\s+limit\s+\d+{_END}")
TEMPERATURE = _compiled(rf"([^\s@\[\]%]+)@({_NUMBER})C(?:/({_NUMBER})C)?{_END}")
RAIL = _compiled(rf"([A-Z][\w.+-]*)\s+(-?\d+)(mW)?\s*/\s*(-?\d+)(mW)?(?:\s*/\s*(-?\d+)(mW)?)?{_END}")
ENGINE = _compiled(
    rf"([A-Z]\w*?)(_FREQ)?\s+(?:(off)|(?:({_NUMBER})%)?\s*(?:@\s*(\d+|\[\s*\d+(?:\s*,\s*\d+)*\s*\]))?|(\d+)){_END}"
)
ENDLESS = re.compile(r"\d{30}")
"""More digits than any value has, and Python's own numbers would not take any length."""
FIRST = _compiled(  # what cannot be part of a logger's prefix
    r"(?<!\w)(?:RAM\s+\d+\s*/|(?:SWAP|IRAM)\s+\d+/\d+[kMG]B|CPU\s*\[|(?:EMC|GR3D2?)(?:_FREQ)?\s+(?:\d+%|@)"
    rf"|[A-Z]\w*@{_NUMBER}C{_END}|[A-Z]\w+\s+-?\d+mW/)"
)
SECOND_LINE = _compiled(rf"(?<!I)RAM\s+{_SIZES}\s*\(")
OWN_TIME = re.compile(r"(?<!\d)\d\d-\d\d-\d{4} \d\d:\d\d:\d\d(?!\d)")
LOGGER_TIME = re.compile(
    r"(?<!\d)(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?|\d\d:\d\d:\d\d(?:[.,]\d+)?)"
)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
BINARY = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")
_CUT = _compiled(  # an unread rest at the line's end that a known field could begin with
    rf"(?:[A-Z][\w.+-]*\s+-?\d*(?:mW?)?(?:\s*/\s*(?:-?\d*(?:mW?)?)?)*|[A-Z][\w.+-]*@(?:-|{_NUMBER}C?(?:/[\d.-]*)?|\d+\.)?"
    rf"|[A-Z]\w*\s+(?:of?|{_NUMBER}%?@?|@)|[A-Z]\w*\s+(?:{_NUMBER}%)?@\[[\d,\s]*|(?:RAM|SWAP|IRAM)\s+[^)]*|CPU\s*\[.*"
    r"|MTS\s.*|EDP\s.*)"
)
LOAD_ALONE = ("GR3D", "GR3D2", "EMC")
"""Engines that may show a load and no clock, and never a clock without `@`."""
CLOCK_ALONE = _compiled(r"(?:APE|AVP|VDE|VIC|OFA|SE|TSEC|MSENC|ISP|VI|NVENC|NVDEC|NVJPG|NVDLA|DLA|PVA|CBUS)\d*")
"""Engines that may show nothing but a clock; a number behind any other word is not understood."""
_NAMES = (
    *("RAM", "SWAP", "IRAM", "CPU", "EMC_FREQ", "GR3D_FREQ", "GR3D2_FREQ", "APE", "AVP", "VDE", "MTS", "EDP"),
    *(
        "VIC_FREQ",
        "OFA_FREQ",
        "NVENC0_FREQ",
        "NVENC1_FREQ",
        "NVDEC0_FREQ",
        "NVDEC1_FREQ",
        "NVJPG0_FREQ",
        "NVJPG1_FREQ",
    ),
    *(
        "NVDLA0",
        "NVDLA1",
        "PVA0_FREQ",
        "PVA1_FREQ",
        "PLL",
        "MCPU",
        "BCPU",
        "PMIC",
        "GPU",
        "AO",
        "AUX",
        "THERMAL",
    ),
    *(
        "TBOARD",
        "TDIODE",
        "TJ",
        "SOC012",
        "SOC345",
        "SOC0",
        "SOC1",
        "SOC2",
        "CV0",
        "CV1",
        "CV2",
        "IWLWIFI",
        "NC",
    ),
    *(
        "VDD_IN",
        "VDD_CPU_GPU_CV",
        "VDD_SOC",
        "VDD_GPU_SOC",
        "VDD_CPU_CV",
        "VIN_SYS_5V0",
        "VDDQ_VDD2_1V8AO",
        "VIN",
    ),
    *("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU", "VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_SYS_CPU", "VDD_SYS_DDR"),
    *("VDD_4V0_WIFI", "VDD_GPU", "VDD_CPU_SOC_MSS", "VDDRQ", "SYS5V", "SOC", "CV"),
)
"""Words that begin a field: a line whose last word begins one of these was cut."""


def is_cut(rest: str) -> bool:
    """Whether the words that were not understood at the end of a line are the beginning of a known field."""
    last = rest.split()[-1].upper()
    tail = " ".join(rest.split()[-2:])
    return (
        _CUT.fullmatch(rest) is not None
        or _CUT.fullmatch(tail) is not None
        or any(name.startswith(last) for name in _NAMES)
    )
