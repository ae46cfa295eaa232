"""Wrong mounts, rights, devices and ports: each found by real files, and told with where it is and what to type."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orac_bench.settings import read_settings
from orac_bench.surroundings import Finding, open_port, surroundings
from tests.fakes.board import write

NAMELESS = "0123456789abcdef" * 4
Look = Callable[..., list[Finding]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """What is found in a healthy place: models, results and home in `tmp_path`, the machine's files in its root/.

    `mounted` is a container's mounts: a point below `tmp_path` and what it is on the host's disk, with `:ro` behind it.
    `closed` names what user 1000 may not open, `fixed` what it may not write.
    """
    for name in ("gguf", "results", "home", "root"):
        (tmp_path / name).mkdir()
    (tmp_path / "gguf/a.gguf").write_bytes(b"GGUF")

    def looked(
        *,
        mounted: Mapping[str, str] | None = None,
        closed: tuple[str, ...] = (),
        fixed: tuple[str, ...] = (),
        environ: Mapping[str, str] | None = None,
    ) -> list[Finding]:
        if mounted is not None:
            write(tmp_path, "root/.dockerenv", "")
            write(tmp_path, "root/proc/self/mountinfo", "\n".join(mountinfo(tmp_path, mounted)))
        given = {
            "ORAC_MODELS_DIR": str(tmp_path / "gguf"),
            "ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/results/orac.db",
            "ORAC_HOME": str(tmp_path / "home"),
            "ORAC_SYSFS_ROOT": str(tmp_path / "root"),
            **(environ or {}),
        }
        shut = {tmp_path / name for name in closed}
        settings = read_settings(given, folder=tmp_path)
        found = surroundings(
            settings,
            given,
            may=lambda path, how: (
                path not in shut and not (how & os.W_OK and str(path) in fixed) and os.access(path, how)
            ),
            user=1000,
        )
        return [*found, *open_port(settings)]

    return looked


def mountinfo(folder: Path, mounted: Mapping[str, str]) -> list[str]:
    lines = ["1 0 0:75 / / rw - overlay overlay rw"]
    for point, origin in mounted.items():
        options = "ro" if origin.endswith(":ro") else "rw"
        lines.append(f"2 1 259:1 {origin.removesuffix(':ro')} {folder / point} {options} - ext4 /dev/nvme0n1p1 rw")
    return lines


GOOD = {
    "gguf": "/home/toby/ORAC/models/gguf:ro",
    "results": "/var/lib/docker/volumes/orac-results/_data",
    "home": "/var/lib/docker/volumes/orac-home/_data",
}


def test_nothing_is_found_where_nothing_is_wrong(look: Look) -> None:
    assert look() == []
    assert look(mounted=GOOD) == []


def test_a_folder_of_models_that_is_not_mounted_says_how_to_mount_it(look: Look, tmp_path: Path) -> None:
    (tmp_path / "gguf/a.gguf").unlink()
    folder = tmp_path / "gguf"
    assert look(mounted={place: GOOD[place] for place in ("results", "home")}) == [
        Finding(
            name="models",
            detail=f"There is no GGUF file in {folder}. Nothing is mounted there.",
            next=f"docker run -v /home/USER/ORAC/models/gguf:{folder}:ro, or set ORAC_GGUF for docker compose.",
            broken=True,
        )
    ]


def test_an_empty_folder_that_is_mounted_says_which_one_of_the_host_it_is(look: Look, tmp_path: Path) -> None:
    (tmp_path / "gguf/a.gguf").rename(tmp_path / "gguf/a.safetensors")
    (found,) = look(mounted={**GOOD, "gguf": "/home/toby/ORAC/model/gguf:ro"})
    assert found == Finding(
        name="models",
        detail=f"There is no GGUF file in {tmp_path}/gguf. What is mounted there is /home/toby/ORAC/model/gguf of the "
        "host, and Docker makes an empty folder of a wrong path.",
        next="On the host: ls /home/toby/ORAC/model/gguf, then mount the folder that holds the files.",
        broken=True,
    )


def test_an_empty_or_missing_folder_on_a_machine_names_the_setting(look: Look, tmp_path: Path) -> None:
    (tmp_path / "gguf/a.gguf").unlink()
    way = f"Put GGUF files into {tmp_path}/gguf, or set ORAC_MODELS_DIR to a folder that holds some."
    assert [str(found) for found in look()] == [f"There is no GGUF file in {tmp_path}/gguf. {way}"]
    (tmp_path / "gguf").rmdir()
    assert [str(found) for found in look()] == [f"There is no folder of models {tmp_path}/gguf. {way}"]


def test_files_that_the_user_may_not_read_are_named(look: Look, tmp_path: Path) -> None:
    for name in "bcdef":
        (tmp_path / f"gguf/{name}.gguf").write_bytes(b"GGUF")
    assert look(mounted=GOOD, closed=tuple(f"gguf/{name}.gguf" for name in "abcd")) == [
        Finding(
            name="models",
            detail=f"4 of 6 GGUF files in {tmp_path}/gguf may not be read by user 1000: "
            "a.gguf, b.gguf, c.gguf and 1 more.",
            next="On the host: chmod a+r /home/toby/ORAC/models/gguf/*.gguf",
            broken=False,
        )
    ]
    (alone,) = look(mounted=GOOD, closed=tuple(f"gguf/{name}.gguf" for name in "abcdef"))
    assert alone.broken


@pytest.mark.parametrize("models", ["gguf", "gguf/below"])
def test_a_closed_folder_of_models_says_which_one_to_open(look: Look, tmp_path: Path, models: str) -> None:
    found = look(closed=("gguf",), environ={"ORAC_MODELS_DIR": f"{tmp_path}/{models}"})
    assert [str(one) for one in found] == [
        f"The folder of models {tmp_path}/{models} may not be read by user 1000: {tmp_path}/gguf is closed to it. "
        f"chmod a+rx {tmp_path}/gguf"
    ]


def test_results_that_are_mounted_read_only_say_to_leave_ro_off(look: Look, tmp_path: Path) -> None:
    assert look(mounted={**GOOD, "results": "/srv/results:ro"}, closed=("results",)) == [
        Finding(
            name="results",
            detail=f"{tmp_path}/results, where rounds are kept, cannot be written by user 1000: "
            "it is mounted read-only.",
            next="Leave `:ro` off its mount.",
            broken=True,
        )
    ]


def test_results_of_another_user_say_how_to_give_them_away(look: Look, tmp_path: Path) -> None:
    owner = (tmp_path / "results").stat().st_uid
    (found,) = look(mounted={**GOOD, "results": "/srv/results"}, closed=("results",))
    assert found.detail.endswith(f"cannot be written by user 1000: {tmp_path}/results belongs to user {owner}.")
    assert found.next == "On the host: sudo chown -R 1000 /srv/results"
    (tmp_path / "root/.dockerenv").unlink()
    assert [found.next for found in look(closed=("results",))] == [
        "Set ORAC_DATABASE_URL to a place that you can write."
    ]


def test_a_home_that_is_a_file_is_told(look: Look, tmp_path: Path) -> None:
    write(tmp_path, "file", "")
    (found,) = look(environ={"ORAC_HOME": str(tmp_path / "file/home")})
    assert (found.name, found.broken) == ("home", True)
    assert found.detail.endswith(f"cannot be written by user 1000: {tmp_path}/file is no folder.")


def test_a_read_only_machine_without_a_place_for_temporary_files_is_told(look: Look, tmp_path: Path) -> None:
    fixed = ("/tmp", "/var/tmp", "/usr/tmp", ".")
    (finding,) = look(mounted=GOOD, fixed=fixed)
    assert (finding.name, finding.broken, finding.next) == ("temporary", True, "docker run --tmpfs /tmp")
    assert finding.detail.startswith("No place for temporary files, such as /tmp, can be written by user 1000:")
    assert look(fixed=fixed, environ={"TMPDIR": str(tmp_path)}) == []
    assert look(fixed=fixed[1:]) == []


def test_a_machine_without_a_place_for_temporary_files_names_the_variable(look: Look, tmp_path: Path) -> None:
    (finding,) = look(fixed=("/tmp", "/var/tmp", "/usr/tmp", "."), environ={"TMPDIR": str(tmp_path / "no-such")})
    assert finding.next == "Set TMPDIR to a folder that you can write."


def test_a_history_that_goes_with_the_container_is_told_with_the_volume_to_give(look: Look, tmp_path: Path) -> None:
    results, home = tmp_path / "results", tmp_path / "home"
    assert look(mounted={"gguf": GOOD["gguf"]}) == [
        Finding(
            name="results",
            detail=f"{results} is inside the container: every run goes with the container.",
            next=f"Give it a volume: docker run -v orac-results:{results}",
            broken=False,
        ),
        Finding(
            name="home",
            detail=f"{home} is inside the container: each new container reads every model once more "
            "before its first load.",
            next=f"Give it a volume: docker run -v orac-home:{home}",
            broken=False,
        ),
    ]


def test_results_inside_the_home_are_told_once(look: Look, tmp_path: Path) -> None:
    inside = {"ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/home/results/orac.db"}
    found = look(mounted={"gguf": GOOD["gguf"]}, environ=inside)
    assert [finding.next for finding in found] == [
        f"Give it a volume: docker run -v orac-results:{tmp_path}/home/results"
    ]


def test_a_machine_whose_root_is_an_overlay_is_no_container(look: Look, tmp_path: Path) -> None:
    write(tmp_path, "root/proc/self/mountinfo", "1 0 0:75 / / rw - overlay overlay rw")
    assert look() == []


def test_a_volume_without_a_name_is_no_place_for_a_history(look: Look, tmp_path: Path) -> None:
    (found,) = look(mounted={**GOOD, "results": f"/var/lib/docker/volumes/{NAMELESS}/_data"})
    assert found.detail == (
        f"{tmp_path}/results is on a volume without a name, which no other container gets and `docker run --rm` "
        "deletes: every run goes with the container."
    )


def test_a_jetson_whose_gpu_the_container_does_not_see_is_told_the_runtime(look: Look, tmp_path: Path) -> None:
    write(tmp_path, "root/proc/sys/kernel/osrelease", "5.15.148-tegra")
    (found,) = look(mounted=GOOD)
    assert (found.name, found.broken) == ("gpu", False)
    assert found.detail == (
        "This machine has an NVIDIA GPU, and the container does not see it (none of /dev/nvmap, /dev/nvhost-gpu, "
        "/dev/nvidia0): models run on the CPU."
    )
    assert found.next == "docker run --runtime nvidia, or docker compose up"
    write(tmp_path, "root/dev/nvmap", "")
    assert look(mounted=GOOD) == []


def test_a_card_that_the_container_does_not_see_is_told_the_flag(look: Look, tmp_path: Path) -> None:
    write(tmp_path, "root/proc/driver/nvidia/version", "NVRM version: 570.00")
    (found,) = look(mounted=GOOD)
    assert found.next == "docker run --gpus all, or docker compose up"


def test_a_gpu_that_the_user_may_not_open_is_told_the_group(look: Look, tmp_path: Path) -> None:
    write(tmp_path, "root/proc/sys/kernel/osrelease", "5.15.148-tegra")
    group = write(tmp_path, "root/dev/nvmap", "").stat().st_gid
    (found,) = look(mounted=GOOD, closed=("root/dev/nvmap",))
    assert found.detail == (
        f"The GPU's device /dev/nvmap may not be opened by user 1000 (it belongs to group {group}): "
        "models run on the CPU."
    )
    assert found.next == f"docker run --group-add {group}"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("0.0.0.0", True),
        ("0.0.0.0:11434", True),
        ("http://192.168.1.7:11434", True),
        (":11434", True),
        ("[::]:11434", True),
        ("127.0.0.1:11434", False),
        ("http://localhost:11434/", False),
        ("[::1]:11434", False),
        ("::1", False),
        ("", False),
    ],
)
def test_an_ollama_host_for_everybody_is_not_used_and_said(look: Look, address: str, *, told: bool) -> None:
    found = look(environ={"OLLAMA_HOST": address})
    assert [finding.name for finding in found] == (["port"] if told else [])
    assert [finding.next for finding in found] == (["Unset OLLAMA_HOST, and publish port 8000 only."] if told else [])


@pytest.mark.parametrize(
    ("table", "address", "told"),
    [
        ("tcp", "00000000:2CAA", True),
        ("tcp", "0701A8C0:2CAA", True),  # 192.168.1.7
        ("tcp6", "0" * 32 + ":2CAA", True),
        ("tcp", "0100007F:2CAA", False),
        ("tcp6", "0" * 24 + "01000000:2CAA", False),
        ("tcp6", "0000000000000000FFFF00000100007F:2CAA", False),
        ("tcp", "00000000:1F40", False),  # 8000, which is the service's
    ],
)
def test_an_ollama_that_others_can_reach_is_told(
    look: Look, tmp_path: Path, table: str, address: str, *, told: bool
) -> None:
    write(tmp_path, f"root/proc/net/{table}", f"sl\n 0: {address} 0:0 0A 0:0 0:0 0 0 0 7 1")
    found = look()
    assert [finding.detail for finding in found] == (
        [
            "Port 11434 takes connections from other machines: an Ollama there lets everybody use, replace "
            "and delete its models."
        ]
        if told
        else []
    )


def test_of_an_ollama_that_somebody_else_runs_neither_models_nor_port_are_judged(look: Look, tmp_path: Path) -> None:
    (tmp_path / "gguf/a.gguf").unlink()
    write(tmp_path, "root/proc/net/tcp", "sl\n 0: 00000000:2CAA 0:0 0A 0:0 0:0 0 0 0 7 1")
    assert look(environ={"ORAC_OLLAMA_URL": "http://127.0.0.1:11434", "OLLAMA_HOST": "0.0.0.0"}) == []
