# IDWeave's worker and command line. Built in one stage, run in another that holds no build tool and no root.
FROM python:3.12.8-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/idweave
COPY requirements.lock /src/
RUN /opt/idweave/bin/pip install --require-hashes -r /src/requirements.lock
COPY pyproject.toml README.md /src/
COPY topics /src/topics
COPY resolvers /src/resolvers
COPY sinks /src/sinks
COPY stream /src/stream
RUN /opt/idweave/bin/pip install --no-deps --no-index --no-build-isolation /src \
    && /opt/idweave/bin/python -m compileall -q /opt/idweave/lib

FROM python:3.12.8-slim-bookworm
# The root file system may be read-only (docker-compose.yml and deploy/kubernetes make it so): nothing is written at run
# time, byte code is made here, and /tmp, where `.env` and the two YAML files would be looked for, can be a tmpfs.
COPY --from=build /opt/idweave /opt/idweave
ENV PATH=/opt/idweave/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 6066
CMD ["idweave", "worker"]
