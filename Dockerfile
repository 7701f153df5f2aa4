# undertone on CPUs: the command, and the services of compose.yaml. docs/containers.md
#
#   docker build -t undertone-ser .
#   docker build -t undertone-ser --build-arg EXTRAS=cluster,deep .     # with PyTorch's CPU build, 1 GB more

# ---- compilers, pip and the checkout stay in this stage
FROM python:3.12-slim-bookworm AS build
# extras of pyproject.toml: cluster brings Dask
ARG EXTRAS=cluster
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
# for packages that PyPI has as source only
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python -m venv /opt/undertone
# requirements before code: an edit of the code installs no packages again
COPY pyproject.toml requirements.lock ./
COPY tests/locked_requirements.py tests/
# as in the Makefile: build tools first, then PyTorch's CPU build if an extra needs it, then everything else; all by hash
RUN python -P tests/locked_requirements.py --extras "$EXTRAS" build > /tmp/build.txt \
 && /opt/undertone/bin/pip install --require-hashes --no-deps -r /tmp/build.txt
RUN python -P tests/locked_requirements.py --extras "$EXTRAS" torch > /tmp/torch.txt \
 && if grep -q == /tmp/torch.txt; then \
      /opt/undertone/bin/pip install --require-hashes --no-deps \
        --index-url https://download.pytorch.org/whl/cpu -r /tmp/torch.txt; \
    fi
RUN python -P tests/locked_requirements.py --extras "$EXTRAS" rest > /tmp/rest.txt \
 && /opt/undertone/bin/pip install --require-hashes --no-deps --no-build-isolation -r /tmp/rest.txt
COPY setup.py undertone.py MANIFEST.in README.md LICENSE params.yaml dvc.yaml prefect.yaml .dvcignore ./
COPY .dvc/plots .dvc/plots/
COPY data data/
COPY tasks tasks/
COPY flows flows/
RUN /opt/undertone/bin/pip install --no-deps --no-build-isolation . \
 && /opt/undertone/bin/pip uninstall -y wheel pip

# ---- the image
FROM python:3.12-slim-bookworm
# undertone is MIT; the image holds libraries under the GPL, too (README.md, Licence)
LABEL org.opencontainers.image.title="undertone" \
      org.opencontainers.image.description="Pipelines for emotion and sentiment in speech, with honest splits" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="GPL-3.0-only"
# git: projects are repositories
RUN apt-get update \
 && apt-get install -y --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 undertone \
 && useradd --uid 10001 --gid undertone --create-home undertone \
 && install -d -o undertone -g undertone /project /state
COPY --from=build /opt/undertone /opt/undertone
ENV PATH=/opt/undertone/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DVC_NO_ANALYTICS=1 \
    DO_NOT_TRACK=1
USER undertone
WORKDIR /project
# a project: lists, parameters, data, caches
VOLUME ["/project"]
# compose.yaml has a check for each service; without a service: may the user write to the project's folder?
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s --retries=3 CMD ["undertone", "service", "check"]
ENTRYPOINT ["undertone"]
CMD ["--help"]
