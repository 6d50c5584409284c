"""A webhook of the user's own: it checks the signature as Standard Webhooks says and keeps what
it is told."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.audiences import Room, said
from sandbox.servers.base import starlette
from sandbox.servers.messaging import Misbehaving, Said

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_OPERATIONS = {"audience.members_added": "add", "audience.members_removed": "remove"}


def environment(url: str) -> dict[str, str]:
    return {
        "MARKETING_AUDIENCE_WEBHOOK_URL": f"{url}/hook",
        "MARKETING_AUDIENCE_WEBHOOK_SECRET": KEY,
    }


def app(room: Room) -> ASGIApp:
    seen: set[str] = room.more.setdefault("seen", set())

    async def hook(request: Request) -> Response:
        from standardwebhooks import Webhook, WebhookVerificationError

        body = await request.body()
        try:
            told = Webhook(KEY).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return Response(b"", 401)
        members = told["data"]["members"]
        values = [v for m in members for kind in ("email", "phone") for v in m.get(kind, ())]
        if any(value in room.unfit for value in values):
            return Response(b"a member does not fit", 400)
        if request.headers["webhook-id"] not in seen:
            seen.add(request.headers["webhook-id"])
            for value in values:
                room.put(_OPERATIONS[told["type"]], told["data"]["audience"], value)
        return Response(b"", 204)

    routes = starlette(Route("/hook", hook, methods=["POST"]))
    words = said(Said(429), Said(401), Said(400))
    return Misbehaving(routes, room, words)
