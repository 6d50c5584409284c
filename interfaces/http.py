"""The HTTP door: what each wing offers, mounted in one application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from workspace import clock, restored, settings
from workspace.ledger import Ledger
from workspace.settings import Settings

_SCORES, _OPENAPI = "/v1/score/", "/v1/openapi.json"
_READ = "/api/v1/"
_DESK = "/control-room/desk"
ASGI = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def check(chosen: Settings) -> None:
    """Raises :class:`SettingsError` for settings that the server cannot use, and for a restored
    workspace that is still shut."""
    try:
        restored.check(chosen.paths.root)
    except restored.NotReplayed as error:
        raise settings.SettingsError(str(error)) from None
    _sources(chosen)
    settings.score_keys(chosen.environment)
    settings.read_keys(chosen.environment)
    _webhooks()


def serve(chosen: Settings, host: str, port: int, workers: int) -> None:
    """Listen until interrupted; ends after everything received is durable."""
    import uvicorn

    shared = settings.shared_metrics() if workers > 1 else nullcontext()
    with shared, settings.serving(chosen.paths.root, host):
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

    from ingestion.answer_times import AnswerTimes
    from ingestion.collector.app import Collector
    from ingestion.collector.webhooks import confirm
    from ingestion.consent.requests import Desk
    from reverse_etl.control_room.serving import PATH, Rooms
    from reverse_etl.delivery import online
    from workspace.definitions.templates import load_senders

    chosen = settings.load()
    registry = CollectorRegistry()
    ledger, close = _ledger(chosen)
    recipients = _recipients(chosen, ledger)
    collector = Collector(
        chosen.paths.landing,
        _sources(chosen),
        chosen.present,
        registry=registry,
        webhooks=_webhooks(),
        public_url=settings.public_url(),
        confirm=confirm,
        recipients=recipients,
        consents=Desk(_policy(chosen), chosen.keyring, ledger),
    )

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        await collector.start()
        await times.start()
        yield
        await times.stop()
        await collector.stop()
        close_scores()
        close_reading()
        close()

    async def metrics(_request: Any) -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest, multiprocess

        shown = registry
        if settings.metrics_are_shared():
            shown = CollectorRegistry()
            multiprocess.MultiProcessCollector(shown)
        return Response(generate_latest(shown), media_type=CONTENT_TYPE_LATEST)

    consents = _consent_pages(chosen, ledger)
    senders = load_senders(chosen.definitions).senders
    messages = online.Online(chosen.keyring, ledger, senders.values())
    scores, close_scores = _scores(chosen)
    readers = settings.read_keys(chosen.environment)
    reading, close_reading = _reading(chosen, readers)
    times = AnswerTimes(chosen.paths.landing, chosen.present)
    reading = times.timed("read_api", reading)
    desk = _desk(chosen, readers)
    rooms = Rooms(chosen.paths.control_room, readers, f"{_DESK}/")
    routes = [
        Route(f"{PATH}{{name:path}}", rooms.page),
        Route(f"{_SCORES}{{model}}", scores, methods=["GET", "POST", "PUT", "DELETE"]),
        Route(_OPENAPI, _openapi),
        Route("/metrics", metrics),
        *(Route(f"{path}{{token:path}}", consents) for path in _consent_paths()),
        Route(f"{online.PATH}{{token:path}}", messages),
        Mount("/", collector),
    ]
    pages = Starlette(routes=routes, lifespan=lifespan)

    scoring = times.timed("scores", pages)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        # Events go past the router: it costs as much as they do.
        path = scope["path"] if scope["type"] == "http" else ""
        if path.startswith(_READ):
            await reading(scope, receive, send)
            return
        if path == _DESK or path.startswith(f"{_DESK}/"):
            await desk(scope, receive, send)
            return
        if path.startswith(_SCORES):
            await scoring(scope, receive, send)
            return
        events = path.startswith("/v1/") and not path.startswith(_OPENAPI)
        await (collector if events else pages)(scope, receive, send)

    return app


def _ledger(chosen: Settings) -> tuple[Callable[[], Ledger], Callable[[], None]]:
    """The ledger, which the first who asks opens; and its end."""
    from threading import Lock

    from workspace.ledger import open_ledger

    opening = Lock()
    opened: list[Ledger] = []

    def ledger() -> Ledger:
        with opening:
            if not opened:
                opened.append(open_ledger(chosen.ledger_url))
        return opened[0]

    def close() -> None:
        for one in opened:
            one.close()

    return ledger, close


def _recipients(chosen: Settings, ledger: Callable[[], Ledger]) -> Any:
    """Whose clicks may be kept, asked of the ledger."""
    from ingestion.collector.clicks import Recipients
    from reverse_etl.delivery.seeing import may_be_seen

    return Recipients(chosen.keyring, lambda link: may_be_seen(ledger(), link))


def _scores(chosen: Settings) -> tuple[Callable[[Any], Awaitable[Any]], Callable[[], None]]:
    """The route that scores, and its end. What models need is loaded for the first who asks: a
    worker that only collects does without."""
    from threading import Lock

    from starlette.concurrency import run_in_threadpool

    from workspace.definitions.models import load_models

    definitions = load_models(chosen.definitions)
    keys = settings.score_keys(chosen.environment).values()
    opening = Lock()
    opened: list[tuple[Any, Any]] = []

    def desk() -> Any:
        from models_ml.operations.serving import Desk
        from reverse_etl.publish.features import Features
        from workspace.lake import Lake

        with opening:
            if not opened:
                features = Features(chosen.paths)
                lake, present = Lake(chosen.paths.lake), chosen.present
                made = Desk(lake, chosen.keyring, definitions, present, features.of, keys)
                opened.append((made, features))
        return opened[0][0]

    async def score(request: Any) -> Any:
        return await (await run_in_threadpool(desk)).score(request)

    def close() -> None:
        for _, features in opened:
            features.close()

    return score, close


def _reading(
    chosen: Settings, readers: tuple[settings.ReadKey, ...]
) -> tuple[ASGI, Callable[[], None]]:
    """The read API, and its end. It is loaded for the first who asks, as what models need is."""
    from threading import Lock

    from starlette.concurrency import run_in_threadpool

    opening = Lock()
    opened: list[Any] = []

    def api() -> Any:
        with opening:
            if not opened:
                from reverse_etl.api.app import create

                opened.append(create(chosen.paths, readers))
        return opened[0]

    async def read(scope: dict[str, Any], receive: Any, send: Any) -> None:
        app = opened[0] if opened else await run_in_threadpool(api)
        await app(scope, receive, send)

    def close() -> None:
        for app in opened:
            app.state.versions.close()

    return read, close


def _desk(chosen: Settings, readers: tuple[settings.ReadKey, ...]) -> ASGI:
    """The desk. It is loaded for the first who asks, as the read API is."""
    from threading import Lock

    from starlette.concurrency import run_in_threadpool

    opening = Lock()
    opened: list[ASGI] = []

    def desk() -> ASGI:
        with opening:
            if not opened:
                from interfaces.desk.app import Desk

                opened.append(Desk(chosen, readers, clock.now))
        return opened[0]

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        app = opened[0] if opened else await run_in_threadpool(desk)
        await app(scope, receive, send)

    return answer


async def _openapi(_request: Any) -> Any:
    from starlette.responses import JSONResponse

    from models_ml.operations.openapi import document

    return JSONResponse(document())


def _consent_paths() -> list[str]:
    from ingestion.consent.routes import KINDS
    from workspace.tokens import PATHS

    return [PATHS[what] for what in KINDS]


def _consent_pages(chosen: Settings, ledger: Callable[[], Ledger]) -> Any:
    from ingestion.consent.routes import Office, Pages
    from ingestion.consent.standing import Published
    from reverse_etl.publish.consents import states_of
    from workspace.definitions.templates import load_senders

    def ask(key: str) -> Published | None:
        found = states_of(chosen.paths, key)
        return Published(found[1], found[0]) if found else None

    return Pages(
        Office(
            policy=_policy(chosen),
            senders=load_senders(chosen.definitions).senders,
            keyring=chosen.keyring,
            ledger=ledger,
            ask=ask,
            clock=chosen.present,
        )
    )


def _policy(chosen: Settings) -> Any:
    from workspace.definitions.consent import Consent
    from workspace.definitions.reading import read

    path = chosen.definitions / "consent.yml"
    return read(path, Consent) if path.exists() else Consent()


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
