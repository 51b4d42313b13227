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
RUN /opt/idweave/bin/pip install --no-deps --no-index --no-build-isolation /src

FROM python:3.12.8-slim-bookworm
COPY --from=build /opt/idweave /opt/idweave
ENV PATH=/opt/idweave/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 6066
CMD ["idweave", "worker"]
