"""The dashboard's files, without a browser: what is in the folder, and how the service sends it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orac_bench.api.web import MEDIA_TYPES, WEB, read_assets, words
from orac_bench.flags import FLAG_TEXT
from orac_bench.metrics import METRICS
from orac_bench.suites.grid import SUITES
from tests.service import Service, running_service

MODULES = sorted(WEB.glob("*.js"))
OURS = [*MODULES, WEB / "index.html", *sorted(WEB.glob("*.css"))]
IMPORT = re.compile(
    r"""(?:^import .*?|^export .*? from |\bimport\(|\bfile: )["'](\./[^"']+)["']""", re.MULTILINE | re.DOTALL
)
"""Modules by their names, as they are imported, or as app.js names those of its views, which it fetches first."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "models").mkdir()
    with running_service(folder, models=folder / "models", ollama=folder / "no-ollama") as running:
        yield running


def test_each_vendored_file_is_what_its_manifest_says():
    for entry in json.loads((WEB / "vendor/manifest.json").read_text()):
        packed = (WEB / "vendor" / entry["file"]).read_bytes()
        assert hashlib.sha256(packed).hexdigest() == entry["compressed_sha256"]
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == entry["sha256"]
        assert len(gzip.decompress(packed)) == entry["size_b"]
        assert (entry["name"], entry["version"], entry["licence"]) == ("Apache ECharts", "6.1.0", "Apache-2.0")
        assert all((WEB / "vendor" / name).read_text() for name in entry["licence_files"])


def test_nothing_is_vendored_without_a_line_in_the_manifest():
    told = json.loads((WEB / "vendor/manifest.json").read_text())
    named = {"manifest.json", *(one["file"] for one in told), *(name for one in told for name in one["licence_files"])}

    assert {path.name for path in (WEB / "vendor").iterdir()} == named


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_file_of_the_page_names_another_host(path: Path):
    found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text())

    assert [one for one in found if not one.endswith("//www.w3.org")] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_each_module_imports_what_there_is_and_writes_no_markup(path: Path):
    text = path.read_text()

    assets = read_assets(WEB).files
    assert [name for name in IMPORT.findall(text) if name.removeprefix("./") not in assets] == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_each_module_uses_what_it_imports_and_imports_what_the_other_exports(path: Path):
    text = path.read_text()
    for names, other in re.findall(r"^import \{([^}]+)\} from \"\./([\w/]+\.js)\";", text, re.MULTILINE):
        exported = re.findall(
            r"^export (?:async )?(?:function\*?|class|const) (\w+)", (WEB / other).read_text(), re.MULTILINE
        )
        for pair in filter(None, (name.strip() for name in names.split(","))):
            name, _, own = pair.partition(" as ")
            assert name in exported, (other, name)
            assert len(re.findall(rf"\b{own or name}\b", text)) > 1, (path.name, name)


def test_every_module_is_reached_from_the_page():
    page = (WEB / "index.html").read_text()
    reached, left = set(), ["app.js"]
    while left:
        name = left.pop()
        if name not in reached and (WEB / name).exists():
            reached.add(name)
            left += [one.removeprefix("./") for one in IMPORT.findall((WEB / name).read_text())]

    assert reached | {"begin.js"} == {path.name for path in MODULES}
    assert '<script src="/static/begin.js"></script>' in page


def test_the_page_loads_the_modules_of_the_first_view_at_once():
    def needed(name: str) -> set[str]:
        text = (WEB / name).read_text()
        direct = re.findall(r'^import .*? from "\./([\w]+\.js)";', text, re.MULTILINE | re.DOTALL)
        return {name}.union(*(needed(one) for one in direct))

    loaded = re.findall(r'rel="modulepreload" href="/static/([^"]+)"', (WEB / "index.html").read_text())
    assert sorted(loaded) == sorted((needed("app.js") | needed("overview.js")) - {"app.js"})


def test_the_page_has_no_inline_script_and_no_inline_style():
    page = (WEB / "index.html").read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page) == []


def test_the_words_are_those_of_oracs_own_tables():
    told = json.loads(words())

    assert [*told["metrics"]] == [*METRICS]
    assert told["metrics"]["ttft_s"]["label"] == METRICS["ttft_s"].label
    assert [*told["suites"]] == [*SUITES]
    assert [*told["flags"]] == [flag.value for flag in FLAG_TEXT]
    assert {name: one["excludes"] for name, one in told["flags"].items()}["throttled"] is True


def test_the_page_comes_with_a_strict_policy_and_is_asked_for_again(service: Service):
    answer = service.get("/")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy


def test_what_the_page_names_is_kept_for_good_and_has_its_type(service: Service):
    page = service.get("/").body.decode()
    named = re.findall(r'(?:href|src)="(/static/v/[^"]+)"', page)

    assert len(named) > 15
    for path in named:
        answer = service.get(path)
        assert (path, answer.status) == (path, 200)
        assert answer.headers["content-type"] == MEDIA_TYPES[Path(path).suffix]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_file_of_another_version_is_sent_as_it_is_now_and_not_kept(service: Service):
    answer = service.get("/static/v/0123456789abcdef/app.js")

    assert answer.body == (WEB / "app.js").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"


def test_the_version_is_another_when_any_file_is(tmp_path: Path):
    (tmp_path / "index.html").write_text('<script src="/static/app.js"></script>')
    (tmp_path / "app.js").write_text("1")
    before = read_assets(tmp_path)
    (tmp_path / "app.js").write_text("2")
    after = read_assets(tmp_path)

    assert before.version != after.version
    assert after.files["index.html"].body == f'<script src="/static/v/{after.version}/app.js"></script>'.encode()


def test_a_file_that_has_not_changed_is_not_sent_again(service: Service):
    first = service.get("/static/app.js")
    again = service.get("/static/app.js", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_the_library_is_sent_as_it_was_packed(service: Service):
    packed = (WEB / "vendor/echarts.js.gz").read_bytes()
    zipped = service.get("/static/vendor/echarts.js", headers={"Accept-Encoding": "gzip"})
    plain = service.get("/static/vendor/echarts.js")

    assert (zipped.headers["content-encoding"], zipped.body) == ("gzip", packed)
    assert "content-encoding" not in plain.headers
    assert plain.body == gzip.decompress(packed)
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        *("/static/", "/static/nothing.js", "/static/../api/app.py", "/static/%2e%2e/api/app.py"),
        *("/static/..%2fapi%2fapp.py", "/static/./app.js"),
        *("/static//etc/passwd", "/static/v/x/../../../settings.py", "/static/vendor/echarts.js.gz", "/static/vendor/"),
        *("/static/vendor/echarts.LICENSE", "/static/%00"),
    ],
)  # fmt: skip
def test_nothing_else_is_given_out(service: Service, path: str):
    answer = service.get(path)

    assert answer.status == 404
    assert answer.problem["type"] == "/docs#not_found"


def test_the_head_of_a_file_is_told_without_its_body(service: Service):
    answer = service.call("HEAD", "/static/style.css")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len((WEB / "style.css").read_bytes()))
