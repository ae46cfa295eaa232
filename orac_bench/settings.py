"""One typed `Settings`, read once from the environment and validated before anything runs.

The table in README.md and `Settings` name the same settings; `tests/test_docs.py` holds them together. What must
never live here: opening, creating or connecting to anything.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from orac_bench.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. One field a variable: `models_dir` is `ORAC_MODELS_DIR`, and so on."""

    models_dir: Path | None
    """Folder of GGUF files, may be read-only. None: the sample model, where `make bench` has fetched it."""
    ollama_url: str | None
    """Address of a running Ollama to use, without a slash at its end. None: supervise one."""
    ollama_store: Path | None
    """The models folder of that Ollama, when GGUF files shall be registered there as well."""
    ollama_bin: Path | None
    """The program to supervise. None: `ollama` on PATH, else the one that `make bench` built."""
    ollama_port: int | None
    """Loopback port of the supervised Ollama. None: a free one."""
    home: Path
    """What may be rebuilt: Ollama's store, digests, a built Ollama, the sample model."""
    database_url: str
    """Where rounds are kept, as a SQLAlchemy URL. Only `sqlite:` for now."""
    host: str
    """Address that the service listens on."""
    port: int
    """Port that the service listens on."""
    token: str | None
    """Bearer token asked of every call that changes something. None: no call is asked for one."""
    allowed_hosts: tuple[str, ...] | None
    """Host headers that are answered, without ports. None: localhost, literal IP addresses, this machine's names,
    and `*.local`."""
    prompt_limit_b: int
    """The longest prompt of `/v1/prompt` and `/v1/benchmark`, in bytes of UTF-8."""
    output_limit_tokens: int
    """The most tokens that a call may ask for."""
    idle_timeout_s: float
    """The longest silence of Ollama that is waited for."""
    max_queued: int
    """The most runs that wait for their turn; a further one is refused."""
    telemetry: str
    """`auto`, `off`, or a list of sources: TELEMETRY_SOURCES and `replay:FILE`."""
    tegrastats: str | None
    """The program to read from. None: `tegrastats` on PATH."""
    sysfs_root: Path
    """Where `sys/`, `proc/` and `etc/` are looked for."""
    sensor_lag_s: float
    """The lag of the board's power sensor, 0.52 s of INA3221 rails with the driver's 512 samples; counters of energy
    have none. Source: recorded edges of an Orin Nano, 0.51 to 0.53 s on three rails."""
    gate_celsius: float
    """A round starts at most this far above the temperature at which its run began."""
    gate_limit_s: float
    """The longest wait for that."""
    telemetry_keep_days: float
    """Then readings are folded to minutes."""
    canary_model: str | None
    """A small model measured first in every run. None: none is."""

    @property
    def database_path(self) -> Path:
        """The file behind `database_url`."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def sample_dir(self) -> Path:
        """Where `make bench` puts the sample model."""
        return self.home / "sample"

    @property
    def built_ollama(self) -> Path:
        """Where `make bench` puts the Ollama that it builds."""
        return self.home / "ollama" / "bin" / "ollama"


def read_settings(environ: Mapping[str, str] | None = None, *, folder: Path | None = None) -> Settings:
    """The settings of `environ` (None: this process's), looked at from `folder` (None: the current one).

    An empty value counts as unset. Raises SettingError with the name, the value and what is allowed.
    """
    environ = os.environ if environ is None else environ
    folder = Path.cwd() if folder is None else folder
    given = {name: value.strip() for name, value in environ.items() if name.startswith("ORAC_") and value.strip()}
    home = _home(given.get("ORAC_HOME"), environ)
    return Settings(
        models_dir=_path(given.get("ORAC_MODELS_DIR"), environ),
        ollama_url=_url(given.get("ORAC_OLLAMA_URL")),
        ollama_store=_path(given.get("ORAC_OLLAMA_STORE"), environ),
        ollama_bin=_path(given.get("ORAC_OLLAMA_BIN"), environ),
        ollama_port=_port("ORAC_OLLAMA_PORT", given),
        home=home,
        database_url=database_url(given.get("ORAC_DATABASE_URL"), home=home, folder=folder),
        host=given.get("ORAC_HOST", "127.0.0.1"),
        port=_port("ORAC_PORT", given) or 8000,
        token=given.get("ORAC_TOKEN"),
        allowed_hosts=_hosts(given.get("ORAC_ALLOWED_HOSTS")),
        prompt_limit_b=_whole("ORAC_PROMPT_LIMIT_B", given, default=2**20, low=1, high=2**30),
        output_limit_tokens=_whole("ORAC_OUTPUT_LIMIT_TOKENS", given, default=4096, low=1, high=2**20),
        idle_timeout_s=_number("ORAC_IDLE_TIMEOUT_S", given, default=120.0, low=1.0, high=86_400.0),
        max_queued=_whole("ORAC_MAX_QUEUED", given, default=50, low=1, high=10_000),
        telemetry=telemetry(given.get("ORAC_TELEMETRY", "auto")),
        tegrastats=_program(given.get("ORAC_TEGRASTATS"), environ),
        sysfs_root=_path(given.get("ORAC_SYSFS_ROOT"), environ) or Path("/"),
        sensor_lag_s=_number("ORAC_SENSOR_LAG_S", given, default=0.52, low=0.0, high=10.0),
        gate_celsius=_number("ORAC_GATE_CELSIUS", given, default=3.0, low=0.0, high=100.0),
        gate_limit_s=_number("ORAC_GATE_LIMIT_S", given, default=300.0, low=0.0, high=86_400.0),
        telemetry_keep_days=_number("ORAC_TELEMETRY_KEEP_DAYS", given, default=30.0, low=0.0, high=36_500.0),
        canary_model=given.get("ORAC_CANARY_MODEL"),
    )


def as_environ(settings: Settings) -> dict[str, str]:
    """The variables that give another process of ORAC these settings, but for the token: that is the service's alone.

    What is None is left out.
    """
    values = dict(zip(NAMES, (getattr(settings, field.name) for field in fields(settings)), strict=True))
    return {
        name: ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
        if value is not None and name != "ORAC_TOKEN"
    }


def misspelt(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Variables of `environ` that begin with ORAC_ and are none of ORAC's, each with the likely name or None."""
    strangers = [name for name in environ if name.startswith("ORAC_") and name not in NAMES]
    return {name: next(iter(difflib.get_close_matches(name, NAMES, n=1)), None) for name in strangers}


NAMES = tuple(f"ORAC_{field.name.upper()}" for field in fields(Settings))
"""The variables that this version reads."""

TELEMETRY_SOURCES = ("tegrastats", "sysfs", "jtop", "nvml", "host")
"""What ORAC_TELEMETRY may list, beside `auto`, `off` and `replay:FILE`."""


def telemetry(wanted: str) -> str:
    """`wanted`, as ORAC_TELEMETRY gives it. Raises SettingError for a word that is no source."""
    words = [word.strip() for word in wanted.split(",")]
    alone = ("auto", "off")
    wrong = [word for word in words if word not in (*alone, *TELEMETRY_SOURCES) and not word.startswith("replay:")]
    wrong += [word for word in words if word == "replay:" or (word in alone and len(words) > 1)]
    if wrong:
        raise SettingError(
            f"ORAC_TELEMETRY is {_shown(wanted)}; {wrong[0]!r} is not allowed there. "
            f"Allowed are auto, off, or a list of {', '.join(TELEMETRY_SOURCES)} and replay:FILE.",
            next="For example: ORAC_TELEMETRY=auto",
        )
    return wanted


def database_url(value: str | None, *, home: Path, folder: Path) -> str:
    """The database's URL: `value` checked, or the default for someone who stands in `folder`.

    The default is `results/orac.db` beside ORAC's own pyproject.toml at or above `folder`, else in `home`/results.
    Raises SettingError for anything that is no `sqlite:///` URL.
    """
    if value is None:
        root = checkout(folder)
        return f"sqlite:///{(root or home) / 'results' / 'orac.db'}"
    if not value.startswith("sqlite:///") or value == "sqlite:///":
        raise SettingError(
            f"ORAC_DATABASE_URL is {_shown(value)}; only files of SQLite are supported for now.",
            next="Write it as sqlite:///results/orac.db, or sqlite:////var/lib/orac/orac.db for an absolute path.",
        )
    if value == "sqlite:///:memory:":
        raise SettingError(
            f"ORAC_DATABASE_URL is {_shown(value)}; a store in memory would be gone with the command that made it.",
            next="Name a file: sqlite:///results/orac.db",
        )
    return f"sqlite:///{(folder / value.removeprefix('sqlite:///')).absolute()}"


def checkout(folder: Path) -> Path | None:
    """ORAC's own source tree at or above `folder`: where a pyproject.toml names orac-bench. None elsewhere."""
    for parent in (folder, *folder.parents):
        try:
            text = (parent / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return parent if re.search(r'^name = "orac-bench"$', text, re.MULTILINE) else None
    return None


def _home(value: str | None, environ: Mapping[str, str]) -> Path:
    if value is not None:
        return Path(os.path.abspath(_expanded(value, environ)))
    base = environ.get("XDG_DATA_HOME") or os.path.join(_user_home(environ), ".local", "share")
    return Path(base) / "orac-bench"


def _path(value: str | None, environ: Mapping[str, str]) -> Path | None:
    return None if value is None else Path(os.path.abspath(_expanded(value, environ)))


def _program(value: str | None, environ: Mapping[str, str]) -> str | None:
    """A path, or a name that is looked for on PATH when it is needed."""
    return value if value is None or "/" not in value else os.path.abspath(_expanded(value, environ))


def _expanded(value: str, environ: Mapping[str, str]) -> str:
    return _user_home(environ) + value[1:] if value == "~" or value.startswith("~/") else value


def _user_home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or str(Path.home())


def _url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingError(
            f"ORAC_OLLAMA_URL is {_shown(value)}; it must be the address of a running Ollama.",
            next="Write it as http://127.0.0.1:11434",
        )
    return value.rstrip("/")


def _port(name: str, given: Mapping[str, str]) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise SettingError(
            f"{name} is {_shown(value)}; allowed is a port from 1 to 65535.",
            next=f"For example: {name}=11434",
        )
    return int(value)


def _hosts(value: str | None) -> tuple[str, ...] | None:
    """The names in ORAC_ALLOWED_HOSTS. Raises SettingError for one with a scheme, a port or a blank in it."""
    if value is None:
        return None
    names = tuple(word.strip().lower() for word in value.split(",") if word.strip())
    wrong = [name for name in names if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]+", name)]
    if wrong or not names:
        raise SettingError(
            f"ORAC_ALLOWED_HOSTS is {_shown(value)}; allowed are names without scheme and port, and `*.` before one.",
            next="For example: ORAC_ALLOWED_HOSTS=orin.lan,*.local",
        )
    return names


def _whole(name: str, given: Mapping[str, str], *, default: int, low: int, high: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", value) or not low <= int(value) <= high:
        raise SettingError(
            f"{name} is {_shown(value)}; allowed is a whole number from {low} to {high}.",
            next=f"For example: {name}={default}",
        )
    return int(value)


def _number(name: str, given: Mapping[str, str], *, default: float, low: float, high: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise SettingError(
            f"{name} is {_shown(value)}; allowed is a number from {low:g} to {high:g}.",
            next=f"For example: {name}={default:g}",
        )
    return number


def _shown(value: str) -> str:
    """`value` in quotes, without control characters and without a password."""
    return repr(re.sub(r"//[^/@]*@", "//***@", value))
