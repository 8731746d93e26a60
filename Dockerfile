# One image; the verb is the argument: `docker run headgate:dev train --from validation-report.json`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
COPY uv.lock ./
RUN pip install --no-cache-dir uv==$(awk '/^name = "uv"$/ {getline; gsub(/[^0-9.]/, ""); print; exit}' uv.lock)
COPY pyproject.toml README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project --extra train --extra serve --extra grpc --extra otel --extra kafka --extra mlflow --extra receive
COPY src ./src
COPY charts ./charts
RUN uv sync --frozen --no-dev --no-editable --extra train --extra serve --extra grpc --extra otel --extra kafka --extra mlflow --extra receive

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 headgate && useradd --uid 10001 --gid 10001 --create-home headgate
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["headgate"]
