"""Gives pytest the `orac` fixture and the `--orac-*` options, for benchmarks/ and tests/ alike."""

pytest_plugins = ["orac_bench.plugin"]
