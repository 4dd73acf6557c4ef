"""Where spans go: an OTLP endpoint over HTTP, or JSON, a line for each request."""

import json
import logging
import os
import sys
from base64 import b64decode
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import urlsplit

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from verifill.engine.errors import ConfigError, EnvironmentDefect
from verifill.engine.log.files import PRIVATE_FILE

TRACES: Final = "/v1/traces"
STDOUT: Final = "-"
IDS: Final = ("traceId", "spanId", "parentSpanId")


class SinkError(EnvironmentDefect):
    """Spans cannot be given away; no engine knows of it."""


class Sink(Protocol):
    """Where spans go."""

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """Give them away: all of them arrived when it returns.

        Raises:
            SinkError: they did not, or it is not known.
        """
        ...


class Otlp:
    """An endpoint that takes OTLP over HTTP, as protobuf.

    Headers, certificates and compression come from the environment, by the names that
    OpenTelemetry has for them: `OTEL_EXPORTER_OTLP_HEADERS` and the like.

    Args:
        endpoint: its address; without a path, `/v1/traces` is meant.
        timeout_s: for one request and its retries.
    """

    def __init__(self, endpoint: str, timeout_s: float) -> None:
        bare = urlsplit(endpoint).path in {"", "/"}
        self._endpoint = f"{endpoint.rstrip('/')}{TRACES}" if bare else endpoint
        self._exporter = OTLPSpanExporter(endpoint=self._endpoint, timeout=timeout_s)
        self._heard = _Heard()
        self._logger = logging.getLogger(OTLPSpanExporter.__module__)
        self._logger.propagate = False  # what it says of a failure is said once, by us
        self._logger.addHandler(self._heard)

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """See `Sink.send`."""
        if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            msg = f"{self._endpoint} has not taken the spans: {self._heard.last}"
            raise SinkError(msg)

    def close(self) -> None:
        """Let go of connections."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations
        self._logger.removeHandler(self._heard)


class _Heard(logging.Handler):
    """What was logged last."""

    last = "no reason given"

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = record.getMessage()


class JsonLines:
    """OTLP as JSON, one request a line, as its file format has it.

    Args:
        file: where lines are written.
        name: what it is called in messages.
    """

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """See `Sink.send`."""
        try:
            self._file.write(f"{_as_json(spans)}\n")
            self._file.flush()
        except BrokenPipeError:
            raise  # who reads it has seen enough
        except OSError as error:
            msg = f"{self._name} cannot be written: {error.strerror or error}"
            raise SinkError(msg) from error


def _as_json(spans: Sequence[ReadableSpan]) -> str:
    """A request as OTLP has it in JSON: ids are hexadecimal digits, where protobuf has base64."""
    request: dict[str, Any] = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span |= {name: b64decode(span[name]).hex() for name in IDS if name in span}
    return json.dumps(request)


@contextmanager
def opened(to: str, *, timeout_s: float, overwrite: bool) -> Generator[Sink]:
    """The sink that is named: an address, `-`, or a file; closed at the end.

    Args:
        to: its name.
        timeout_s: for one request to an address.
        overwrite: whether a file that is there is replaced.

    Raises:
        ConfigError: the file is there, or cannot be made.
    """
    if to.startswith(("http://", "https://")):
        endpoint = Otlp(to, timeout_s)
        try:
            yield endpoint
        finally:
            endpoint.close()
    elif to == STDOUT:
        yield JsonLines(sys.stdout, "standard output")
    else:
        with _file(to, overwrite=overwrite) as file:
            yield JsonLines(file, to)


def _file(to: str, *, overwrite: bool) -> IO[str]:
    """A file for its owner alone, as the log is."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if overwrite else os.O_EXCL)
    try:
        return os.fdopen(os.open(Path(to), flags, PRIVATE_FILE), "w", encoding="utf-8")
    except FileExistsError as error:
        msg = f"{to} is there already. Name another file, or give --overwrite"
        raise ConfigError(msg) from error
    except OSError as error:
        msg = f"{to} cannot be written: {error.strerror}. Name a file in a folder that is there"
        raise ConfigError(msg) from error
