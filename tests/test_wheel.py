"""The wheel: what `pip install .` gives, benchmarks included and nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_carries_the_benchmarks_the_migrations_and_the_dashboard_and_no_test(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("orac_bench-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    carried = {name.removeprefix("orac_bench/benchmarks/") for name in names if "/benchmarks/" in name}
    assert {file.name for file in (ROOT / "benchmarks").glob("*.py")} <= carried
    assert "orac_bench/store/migrations/env.py" in names
    web = {path.relative_to(ROOT).as_posix() for path in (ROOT / "orac_bench/web").rglob("*") if path.is_file()}
    assert web <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"orac_bench"}
    assert [name for name in names if "/tests/" in name or "__pycache__" in name] == []
