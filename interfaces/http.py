"""The HTTP door: what each wing offers, mounted in one application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from workspace import restored, settings
from workspace.settings import Settings

ASGI = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def check(chosen: Settings) -> None:
    """Raises :class:`SettingsError` for settings that the server cannot use, and for a restored
    workspace that is still shut."""
    try:
        restored.check(chosen.paths.root)
    except restored.NotReplayed as error:
        raise settings.SettingsError(str(error)) from None
    _sources(chosen)
    _webhooks()


def serve(chosen: Settings, host: str, port: int, workers: int) -> None:
    """Listen until interrupted; ends after everything received is durable."""
    import uvicorn

    shared = settings.shared_metrics() if workers > 1 else nullcontext()
    with shared, settings.exported(MARKETING_WORKSPACE=str(chosen.paths.root)):
        uvicorn.run(
            "interfaces.http:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http="ingestion.collector.protocol:GuardedProtocol",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=4096,
            timeout_graceful_shutdown=20,
        )


def create_app() -> ASGI:
    """The application of one worker, from the environment's settings."""
    from prometheus_client import CollectorRegistry
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Mount, Route

    from ingestion.collector.app import Collector
    from ingestion.collector.webhooks import confirm

    chosen = settings.load()
    registry = CollectorRegistry()
    recipients, close = _recipients(chosen)
    collector = Collector(
        chosen.paths.landing,
        _sources(chosen),
        chosen.present,
        registry=registry,
        webhooks=_webhooks(),
        public_url=settings.public_url(),
        confirm=confirm,
        recipients=recipients,
    )

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        await collector.start()
        yield
        await collector.stop()
        close()

    async def metrics(_request: Any) -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest, multiprocess

        shown = registry
        if settings.metrics_are_shared():
            shown = CollectorRegistry()
            multiprocess.MultiProcessCollector(shown)
        return Response(generate_latest(shown), media_type=CONTENT_TYPE_LATEST)

    pages = Starlette(routes=[Route("/metrics", metrics), Mount("/", collector)], lifespan=lifespan)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        # Events go past the router: it costs as much as they do.
        events = scope["type"] == "http" and scope["path"].startswith("/v1/")
        await (collector if events else pages)(scope, receive, send)

    return app


def _recipients(chosen: Settings) -> tuple[Any, Callable[[], None]]:
    """Whose clicks may be kept, asked of the ledger, which the first click opens; its end."""
    from threading import Lock

    from ingestion.collector.clicks import Recipients
    from reverse_etl.delivery.seeing import may_be_seen
    from workspace.ledger import Ledger, open_ledger

    opening = Lock()
    opened: list[Ledger] = []

    def seen(link: Any) -> bool:
        with opening:
            if not opened:
                opened.append(open_ledger(chosen.ledger_url))
        return may_be_seen(opened[0], link)

    def close() -> None:
        for ledger in opened:
            ledger.close()

    return Recipients(chosen.keyring, seen), close


def _webhooks() -> dict[str, Any]:
    from ingestion.collector.webhooks import verifiers

    secrets = settings.webhook_secrets()
    signed_address = secrets.keys() & {"twilio", "hubspot"}
    if signed_address and not settings.public_url():
        raise settings.SettingsError(
            f"MARKETING_PUBLIC_URL must be set: {min(signed_address)} signs the address it sends to"
        )
    try:
        return verifiers(secrets, settings.twilio_shared_keys())
    except ValueError as error:
        raise settings.SettingsError(str(error)) from None


def _sources(chosen: Settings) -> list[Any]:
    from ingestion.collector.app import Source

    keys, origins = settings.write_keys(chosen.environment), settings.cors_origins()
    if unknown := origins.keys() - keys.keys():
        raise settings.SettingsError(
            f"MARKETING_CORS_ORIGINS names {min(unknown)!r}, which has no write key"
        )
    return [Source(name, key, tuple(origins.get(name, ()))) for name, key in keys.items()]
