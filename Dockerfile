# One image for web, workers and beat. Without torch: the ensemble runs on ONNX Runtime.

FROM python:3.12-slim-bookworm AS packages
WORKDIR /build
COPY requirements/production.txt requirements/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements/production.txt

# npm is needed once, to fetch what runs in the browser, and stays behind with this stage.
FROM python:3.12-slim-bookworm AS browser
WORKDIR /build
COPY requirements/browser.txt requirements/
COPY package.json package-lock.json ./
COPY tools/browser_packages.py tools/
RUN mkdir static && python tools/browser_packages.py

FROM python:3.12-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=coreqc.settings.production
RUN groupadd --gid 10001 coreqc \
    && useradd --uid 10001 --gid coreqc --no-create-home --shell /usr/sbin/nologin coreqc \
    && install --directory --owner=coreqc --group=coreqc --mode=0750 \
        /var/lib/coreqc /var/lib/coreqc/media /var/lib/coreqc/incoming /var/lib/coreqc/parts
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/coreqc
COPY . .
COPY --from=browser /build/static/vendor static/vendor
# collectstatic needs settings that can be read, and none of their values.
RUN SECRET_KEY=not-a-secret-and-only-for-this-one-step-of-the-image-build \
    ALLOWED_HOSTS=localhost DATABASE_URL=postgresql://x:x@localhost/x REDIS_URL=redis://localhost \
    python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q apps coreqc
USER coreqc
VOLUME ["/var/lib/coreqc"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-m", "coreqc.container_health", "web"]
CMD ["gunicorn", "coreqc.wsgi", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=8", \
     "--timeout=300", "--graceful-timeout=60", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
