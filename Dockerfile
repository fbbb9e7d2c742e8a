# docker build -t bickd-explorer .                          the CPU build of torch
# docker build -t bickd-explorer --build-arg TORCH=cu130 .  a CUDA build
# docker run -p 127.0.0.1:8501:8501 -v bickd-runs:/runs bickd-explorer     on this machine alone
# Under a name of its own, for everybody who reaches it (there is no login):
# docker run -p 8501:8501 -e STREAMLIT_SERVER_ALLOWED_HOSTS=NAME -v bickd-runs:/runs bickd-explorer
FROM python:3.12-slim-bookworm

ARG TORCH=cpu
ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    BICKD_RUNS=/runs \
    BICKD_CACHE=/runs/.cache \
    NUMBA_CACHE_DIR=/tmp/numba

# The compiler makes the training kernels for the CPU that the container runs on, once.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++=4:12.2.0-3 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt constraints.txt pyproject.toml LICENSE README.md ./
RUN python -m pip install --extra-index-url "https://download.pytorch.org/whl/${TORCH}" -r requirements.txt

COPY bickd_core bickd_core
COPY bickd_cli bickd_cli
COPY bickd_viz bickd_viz
COPY app app
COPY pretrained pretrained
RUN python -m pip install --no-deps --editable . \
    && python -m compileall -q app bickd_cli bickd_core bickd_viz \
    && useradd --create-home --uid 1000 explorer \
    && mkdir /runs \
    && chown explorer:explorer /runs

USER 1000
VOLUME /runs
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; p = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/'); r.urlopen('/'.join(filter(None, ('http://127.0.0.1:8501', p, '_stcore/health'))), timeout=4)"]
CMD ["python", "-m", "streamlit", "run", "app/main.py", "--server.port=8501", "--server.address=0.0.0.0", "--server.fileWatcherType=none"]
