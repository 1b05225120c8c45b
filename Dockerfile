# One image for every process: worker, beat, Flower, and the flowbeat command.
FROM python:3.12-slim
RUN useradd --create-home --uid 10001 flowbeat
WORKDIR /home/flowbeat/src
COPY pyproject.toml constraints.txt README.md LICENSE celeryconfig.py ./
COPY docs/sql.md docs/tables.md docs/
COPY console console
COPY models models
COPY report report
COPY sandbox sandbox
COPY scheduler scheduler
COPY tasks tasks
COPY worker worker
RUN pip install --no-cache-dir -c constraints.txt . && rm -rf build
# Volumes take the owner of the folder they cover.
RUN mkdir /home/flowbeat/app /home/flowbeat/logs /home/flowbeat/state && chown -R flowbeat: /home/flowbeat
USER flowbeat
# The folder with flowbeat.toml is mounted here; logs and state are volumes below it.
WORKDIR /home/flowbeat/app
ENV PYTHONUNBUFFERED=1 FLOWBEAT_CONFIG=/home/flowbeat/app/flowbeat.toml
ENTRYPOINT ["flowbeat"]
CMD ["worker"]
