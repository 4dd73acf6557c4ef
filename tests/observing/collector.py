"""A collector of spans on loopback: it takes OTLP over HTTP, or refuses it."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from attrs import define, field
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@define
class Collector:
    """What it has taken.

    Attributes:
        requests: what came, and was taken.
        answers: statuses that it gives first; 200 after them.
        asked: paths and content types of all that came.
    """

    requests: list[ExportTraceServiceRequest] = field(factory=list[ExportTraceServiceRequest])
    answers: list[int] = field(factory=list[int])
    asked: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    port: int = 0

    @property
    def spans(self) -> list[Span]:
        return list(spans_of(self.requests))

    @contextmanager
    def listening(self, port: int = 0) -> Generator[str]:
        """It listens; its address."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked.append((self.path, self.headers["Content-Type"]))
                status = collector.answers.pop(0) if collector.answers else 200
                if status == 200:
                    collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
            self.port = server.server_port
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{self.port}"
            finally:
                server.shutdown()
                thread.join()


def spans_of(requests: list[ExportTraceServiceRequest]) -> Iterator[Span]:
    for request in requests:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans
