"""What the service tells of its machine: a Jetson made of files, its readings, and what Prometheus gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orac_bench.api.board import GpuMemory, Host, cuda, gpu_memory, read_host
from orac_bench.api.events import reading_of
from orac_bench.api.exposition import prometheus_name
from orac_bench.api.telemetry import standing_out
from orac_bench.lock import measuring_alone
from orac_bench.metrics import METRICS
from orac_bench.records import Status
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run
from tests.fakes.board import orin_nano, write
from tests.fakes.fake_ollama import FakeOllama, json_reply
from tests.service import Service, running_service

GIB = 2**30
JETSON = Host(l4t="36.4.3", jetpack="6.2", cuda=None, tegra=True, gpu=True)


def test_a_jetson_s_gpu_memory_is_the_machine_s_own(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", f"MemTotal: {8 * GIB // 1024} kB\nMemAvailable: {6 * GIB // 1024} kB")
    assert gpu_memory(JETSON, None, tmp_path) == GpuMemory(total_b=8 * GIB, used_b=2 * GIB, shared=True)
    write(tmp_path, "proc/meminfo", f"MemTotal: {8 * GIB // 1024} kB\nNvMapMemUsed: {GIB // 1024} kB")
    assert gpu_memory(JETSON, None, tmp_path) == GpuMemory(total_b=8 * GIB, used_b=GIB, shared=True)
    told_by_jtop = GIB // 2
    assert gpu_memory(JETSON, told_by_jtop, tmp_path) == GpuMemory(total_b=8 * GIB, used_b=GIB // 2, shared=True)


def test_a_card_s_memory_is_not_guessed_and_no_gpu_has_none(tmp_path: Path) -> None:
    card = Host(l4t=None, jetpack=None, cuda=None, tegra=False, gpu=True)
    none = Host(l4t=None, jetpack=None, cuda=None, tegra=False, gpu=False)
    assert gpu_memory(card, None, tmp_path) == GpuMemory(total_b=None, used_b=None, shared=False)
    assert gpu_memory(none, None, tmp_path) is None


@pytest.mark.parametrize(
    ("file", "content", "version"),
    [
        ("version.json", '{"cuda": {"name": "CUDA SDK", "version": "12.6.68"}}', "12.6.68"),
        ("version.json", "{}", None),
        ("version.json", "no JSON", None),
        ("version.txt", "CUDA Version 10.2.300", "10.2.300"),
        ("README", "", None),
    ],
)
def test_the_version_of_cuda_is_in_its_folder(tmp_path: Path, file: str, content: str, version: str | None) -> None:
    write(tmp_path, f"usr/local/cuda/{file}", content)
    assert cuda(tmp_path) == version


def test_a_jetson_is_known_by_its_files(tmp_path: Path) -> None:
    host = read_host(orin_nano(tmp_path))
    assert (host.l4t, host.jetpack, host.tegra, host.gpu) == ("36.4.3", "6.2", True, True)


@pytest.mark.parametrize(("kernel", "tegra"), [("5.15.148-tegra", True), ("6.8.0-49-generic", False)])
def test_a_container_without_the_host_s_files_knows_a_jetson_by_its_kernel(
    tmp_path: Path, kernel: str, *, tegra: bool
) -> None:
    write(tmp_path, "proc/sys/kernel/osrelease", kernel)
    host = read_host(tmp_path)
    assert (host.l4t, host.tegra, host.gpu) == (None, tegra, tegra)


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("ttft_s", "orac_case_ttft_seconds"),
        ("decode_tokens_per_s", "orac_case_decode_tokens_per_second"),
        ("power_w_mean", "orac_case_power_mean_watts"),
        ("gpu_hz_mean", "orac_case_gpu_mean_hertz"),
        ("ram_peak_b", "orac_case_ram_peak_bytes"),
        ("joules_per_output_token", "orac_case_joules_per_output_token"),
        ("temperature_max_celsius", "orac_case_temperature_max_celsius"),
        ("sustained_ratio", "orac_case_sustained_ratio"),
    ],
)
def test_a_metric_s_name_for_prometheus_has_its_whole_unit_last(metric: str, name: str) -> None:
    assert prometheus_name(metric) == name


def test_every_metric_has_a_name_of_its_own_for_prometheus() -> None:
    names = [prometheus_name(metric) for metric in METRICS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"orac_case_[a-z0-9_]+", name)] == []


def test_prometheus_gets_the_last_medians_and_how_many_runs_there_are(board: Service) -> None:
    told = board.get("/metrics")
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = told.body.decode().splitlines()
    case = a_case()
    labels = f'case="{case.key}",model="{case.model}",suite="{case.suite}",workload="{case.workload.label}"'
    assert [line for line in lines if line.startswith("orac_case_ttft_seconds")] == [
        f"orac_case_ttft_seconds{{{labels}}} 0.2"  # the median of 0.1, 0.2, 0.3
    ]
    assert {'orac_runs{status="done"} 1.0', "orac_queue_length 0.0", "orac_ollama_up 1.0"} <= set(lines)


def test_the_health_of_a_jetson_names_its_software_and_its_shared_memory(board: Service) -> None:
    told = board.get("/v1/health").json
    assert (told["status"], told["versions"]["l4t"], told["versions"]["jetpack"]) == ("ok", "36.4.3", "6.2")
    assert told["gpu_memory"]["shared"] is True
    assert told["telemetry"] == {"sources": ["sysfs"]}
    assert told["missing"]["versions.cuda"] == "there is no /usr/local/cuda"


def test_a_reading_is_taken_on_demand_and_none_while_somebody_measures(board: Service) -> None:
    told = board.get("/v1/telemetry/latest").json
    assert (told["run"], told["sources"]) == (None, ["sysfs"])
    assert told["values"]["power_w.VDD_IN"] == pytest.approx(4.952 * 1.016)  # V x A
    assert (told["power_w"], told["power_rail"]) == (told["values"]["power_w.VDD_IN"], "VDD_IN")
    assert (told["hottest_celsius"], told["hottest"]) == (49.593, "gpu")  # and so is the junction
    assert board.get("/v1/telemetry/latest").json == told  # within a second it is the same
    with measuring_alone(board.home / "measure.lock", what="a test", waiting=None):
        assert board.get("/v1/telemetry/latest").json["values"] == {}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"temperature_celsius.PMIC": 100.0, "temperature_celsius.A0": 47.5}, (47.5, "A0", None, None)),
        ({"temperature_celsius.cpu": 51.0, "temperature_celsius.tj": 50.5}, (50.5, "tj", None, None)),
        ({"power_w.POM_5V_GPU": 1.0, "power_w.POM_5V_IN": 6.25}, (None, None, 6.25, "POM_5V_IN")),
        ({"power_w.VDD_CPU": 1.0, "power_w.VIN": 9.0}, (None, None, 9.0, "VIN")),
        ({"power_w.GPU": 70.0, "energy_j.GPU": 5.0}, (None, None, 70.0, "GPU")),
        ({"power_w.GPU": 70.0, "energy_j.GPU": 5.0, "energy_j.psys": 9.0}, (None, None, None, None)),
        ({"power_w.VDD_GPU_SOC": 3.0, "power_w.VDD_CPU_CV": 1.0}, (None, None, None, None)),
    ],
)
def test_what_is_hottest_and_the_power_are_those_that_rounds_are_judged_by(
    values: dict[str, float], told: tuple[object, ...]
) -> None:
    found = standing_out(values)
    assert tuple(found[key] for key in ("hottest_celsius", "hottest", "power_w", "power_rail")) == told


def test_a_reading_that_is_followed_says_what_stands_out_in_it() -> None:
    told = {"t_s": 1.5, "power_w.VDD_IN": 5.1, "temperature_celsius.tj": 47.5}
    outstanding = {"hottest_celsius": 47.5, "hottest": "tj", "power_w": 5.1, "power_rail": "VDD_IN"}
    assert reading_of({"kind": "reading", **told}) == told | outstanding


@pytest.mark.parametrize(
    ("format", "media", "begins"),
    [
        ("csv", "text/csv; charset=utf-8", "run,case,model,suite,round,phase,"),
        ("json", "application/json", "{"),
        ("markdown", "text/markdown; charset=utf-8", "### Run 20261122-120000-abcd"),
        ("pytest-benchmark", "application/json", "{"),
        ("benchstat", "text/plain; charset=utf-8", ""),
    ],
)
def test_a_run_is_exported_as_in_a_shell(board: Service, format: str, media: str, begins: str) -> None:
    got = board.get(f"/v1/export?run=latest&format={format}")
    assert (got.status, got.headers["content-type"]) == (200, media)
    assert got.headers["content-disposition"].startswith('attachment; filename="orac-20261122-120000-abcd.')
    assert got.body.decode().startswith(begins)


def test_an_unknown_format_is_told_with_those_there_are(board: Service) -> None:
    got = board.get("/v1/export?run=latest&format=xml")
    assert (got.status, "csv, json, markdown" in got.problem["next"]) == (422, True)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on an Orin Nano made of files, with one run of three rounds in its store."""
    folder = tmp_path_factory.mktemp("board")
    root = orin_nano(folder / "root")
    write(root, "proc/meminfo", f"MemTotal: {8 * GIB // 1024} kB\nMemAvailable: {6 * GIB // 1024} kB")
    with open_store(f"sqlite:///{folder}/orac.db", write=True) as store:
        store.add_run(a_run())
        result = store.begin_result(a_run().id, a_case(), planned=3, position=0)
        for index, ttft_s in enumerate((0.1, 0.3, 0.2)):
            store.add_round(result, a_round(index=index, metrics={"ttft_s": ttft_s}))
        store.close_result(result, status=Status.DONE)
        store.update_run(a_run().id, status=Status.DONE, ended=a_run().started)
    with FakeOllama({"GET /api/version": [json_reply({"version": "0.11.4"})]}) as fake:
        there = {"ORAC_OLLAMA_URL": fake.url, "ORAC_SYSFS_ROOT": str(root), "ORAC_TELEMETRY": "auto"}
        with running_service(folder, **there) as service:
            service.ready()
            yield service
