"""HubSpot's official client over our transport: it builds requests, we send and judge them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import hubspot
import urllib3

from reverse_etl.audiences.model import Paused
from reverse_etl.audiences.transport import USER_AGENT, Api

TOKEN = "MARKETING_HUBSPOT_TOKEN"


class _Pool:
    """What the official client takes for a connection pool."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.repeatable = True

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        body = options.get("body") or b""
        if options.get("fields"):  # of the query, as the client has them
            url += ("&" if "?" in url else "?") + urlencode(options["fields"])
        answer = self._api.ask(
            method,
            url,
            body.encode() if isinstance(body, str) else body,
            {name: str(value) for name, value in (options.get("headers") or {}).items()},
            repeatable=self.repeatable,
        )
        return urllib3.HTTPResponse(answer.body, dict(answer.headers), answer.status)


class Hub:
    """One account. :meth:`ask` takes a method of ``client``."""

    def __init__(self, api: Api, token: str) -> None:
        self._pool = _Pool(api)
        self.client = hubspot.Client.create(
            access_token=token, host=api.url.rstrip("/"), api_factory=self._api
        )

    def _api(self, package: Any, name: str, config: dict[str, Any]) -> Any:
        configuration = package.Configuration()
        configuration.host = config["host"]
        configuration.access_token = config["access_token"]
        client = package.ApiClient(configuration=configuration)
        client.user_agent = USER_AGENT
        client.rest_client.pool_manager = self._pool
        return getattr(package, name)(api_client=client)

    def ask(
        self, method: Callable[..., Any], *arguments: Any, repeatable: bool = True, **options: Any
    ) -> Any:
        """The JSON that a method is answered with, None of nothing. Raises what `model` has."""
        self._pool.repeatable = repeatable
        answer = method(*arguments, _preload_content=False, **options)
        return json.loads(answer.data) if answer.data else None

    def find(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """:meth:`ask`, or None where there is no such thing."""
        try:
            return self.ask(method, *arguments, **options)
        except Paused as fault:
            if fault.code == "http_404":
                return None
            raise
