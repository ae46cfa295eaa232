"""The dashboard's files: the page at `/`, and what it needs below `/static/`. Read once, and again when one changed.

The page names its files by a version, which is a hash of them all, so that a browser keeps them for good and asks for
the page alone. What must never live here: anything that the page shows.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from orac_bench.api.packed import takes_gzip
from orac_bench.flags import EXCLUDING, FLAG_TEXT
from orac_bench.judging.headlines import headlines
from orac_bench.metrics import METRICS
from orac_bench.suites.grid import SUITES

WEB = Path(__file__).parent.parent / "web"
PAGE = "index.html"
WORDS = "words.json"
"""Labels, units and sentences out of ORAC's own tables, so that the page retypes none."""

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
"""By a file's ending. What has none of these is not given out."""

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
"""Kept by the browser, but only used when its ETag is still right."""

router = APIRouter(tags=["dashboard"], include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file as it is sent. `zipped` is its body by gzip; `body` is None where only that is kept."""

    media_type: str
    body: bytes | None
    zipped: bytes
    etag: str


@dataclass(frozen=True, kw_only=True)
class Assets:
    """Every file that may be sent, by its path below `/static/`. `version` is another when one of them is."""

    version: str
    files: Mapping[str, Asset]


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The dashboard."""
    return _sent(request, _current().files[PAGE], keep=ASK_AGAIN)


@router.api_route("/static/v/{version}/{path:path}", methods=["GET", "HEAD"])
async def kept(request: Request, version: str, path: str) -> Response:
    """A file of the page by its version; of another version than this one it is not kept."""
    assets = _current()
    return _sent(request, _found(assets, path), keep=FOR_EVER if version == assets.version else ASK_AGAIN)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def file(request: Request, path: str) -> Response:
    """A file of the page as it is now."""
    return _sent(request, _found(_current(), path), keep=ASK_AGAIN)


def read_assets(folder: Path) -> Assets:
    """Everything in `folder` that the page may need; a `.gz` is sent as what is in it. Files elsewhere are unknown."""
    files: dict[str, Asset] = {WORDS: _asset(".json", words())}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        if path.suffix == ".gz" and Path(path.stem).suffix in MEDIA_TYPES:
            files[name.removesuffix(".gz")] = _asset(Path(path.stem).suffix, None, zipped=data)
        elif path.suffix in MEDIA_TYPES:
            files[name] = _asset(path.suffix, data)
    version = hashlib.sha256("".join(name + files[name].etag for name in sorted(files)).encode()).hexdigest()[:16]
    text = (folder / PAGE).read_text(encoding="utf-8").replace("/static/", f"/static/v/{version}/")
    files[PAGE] = _asset(".html", text.encode())
    return Assets(version=version, files=files)


def words() -> bytes:
    """The tables of metrics, suites and flags as JSON, as far as people read them."""
    told = {
        "metrics": {
            metric.key: {
                "label": metric.label,
                "unit": metric.unit.value,
                "better": metric.better,
                "formula": metric.formula,
                "clock": metric.clock,
            }
            for metric in METRICS.values()
        },
        "suites": {
            suite.name: {
                "question": suite.question,
                "headlines": [*headlines(suite.name)],
                "only_when_named": suite.only_when_named,
                "own_template": suite.own_template,
            }
            for suite in SUITES.values()
        },
        "flags": {flag.value: {"text": text, "excludes": flag in EXCLUDING} for flag, text in FLAG_TEXT.items()},
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _current() -> Assets:
    """The files as they are now: looked at once a second at most, read only when one has changed."""
    return _looked_at(int(time.monotonic()))


@lru_cache(maxsize=1)
def _looked_at(_second: int) -> Assets:
    found = sorted((str(each), each.stat()) for each in WEB.rglob("*") if each.is_file())
    return _read_once(tuple((name, status.st_mtime_ns, status.st_size) for name, status in found))


@lru_cache(maxsize=1)
def _read_once(_signature: tuple[tuple[str, int, int], ...]) -> Assets:
    return read_assets(WEB)


def _asset(suffix: str, body: bytes | None, *, zipped: bytes | None = None) -> Asset:
    packed = gzip.compress(body or b"", mtime=0) if zipped is None else zipped
    return Asset(
        media_type=MEDIA_TYPES[suffix],
        body=body,
        zipped=packed,
        etag=f'"{hashlib.sha256(packed if body is None else body).hexdigest()[:32]}"',
    )


def _found(assets: Assets, path: str) -> Asset:
    if path not in assets.files:
        raise HTTPException(404)
    return assets.files[path]


def _sent(request: Request, asset: Asset, *, keep: str) -> Response:
    """The asset, or that it has not changed since the browser got it."""
    headers = {"ETag": asset.etag, "Cache-Control": keep, "Vary": "Accept-Encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if takes_gzip(request.headers.raw):
        return Response(asset.zipped, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    body = gzip.decompress(asset.zipped) if asset.body is None else asset.body
    return Response(body, media_type=asset.media_type, headers=headers)
