# The product alone: no emulator, no tests, no development packages. Built by `docker compose build`.
FROM python:3.11-slim-bookworm AS packages

RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.lock

FROM python:3.11-slim-bookworm

# pg_dump and pg_restore as new as the server of docker-compose.yml: Debian's own cannot read it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -y --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*

# Nobody's account: it owns nothing it runs, and writes only to /tmp.
RUN groupadd --system --gid 10001 erp \
    && useradd --system --uid 10001 --gid erp --home-dir /tmp --no-create-home --shell /usr/sbin/nologin erp

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=erp.settings.base \
    ERP_READ_ENV=0

WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY manage.py ./
COPY erp erp
COPY invoices invoices
COPY expedition expedition
COPY kwai_integration kwai_integration
COPY templates templates
COPY static static

# The one command beside makemigrations that manage.py lets run without secrets: none stays in the image.
RUN python manage.py collectstatic --noinput --verbosity 0

# A volume takes its owner from here.
RUN install -d -o erp -m 0700 /var/lib/erp/labels /var/lib/erp/backups
ENV LABELS_DIR=/var/lib/erp/labels BACKUP_DIR=/var/lib/erp/backups

USER erp
EXPOSE 8000
CMD ["gunicorn", "erp.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--threads", "8"]
