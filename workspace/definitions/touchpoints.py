"""`touchpoints.yml`: what counts as a touch, how deep it goes and which channel it is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field

from workspace.definitions.reading import Key, Row, Strict

#: The closed list of touch types, which fct_touchpoints tests.
TouchType = Literal[
    "session",
    "ad_click",
    "content_view",
    "case_study_view",
    "content_download",
    "tender_download",
    "video_view",
    "pricing_view",
    "roi_calculator",
    "security_document",
    "form_submit",
    "demo_request",
    "demo_booked",
    "trial_start",
    "webinar_register",
    "webinar_attend",
    "event_attend",
    "meeting",
    "email_open",
    "email_click",
    "sms_click",
    "sms_reply",
    "push_open",
    "push_click",
    "sales_reply",
    "partner_referral",
    "advocacy",
]
TOUCH_TYPES: tuple[str, ...] = get_args(TouchType)

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class TypeSettings(Strict):
    """``depth``: 0 to 1. ``channel``: where no visit and no rule of channels.yml says it."""

    depth: Share = 0.5
    channel: Key | None = None


class TouchEvent(Strict):
    """A track event's touch type; ``depth_property`` holds a share of ``depth_scale``."""

    touch: TouchType
    depth_property: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] | None = None
    depth_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1


class Touchpoints(Strict):
    """``touchpoints.yml``."""

    session_full_depth_page_views: Annotated[int, Field(ge=1, le=1000)] = 5
    ad_channels: list[Key] = []
    types: dict[TouchType, TypeSettings] = {}
    events: dict[Annotated[str, Field(min_length=1)], TouchEvent] = {}

    def rows(self) -> Iterator[Row]:
        value = {"full_depth_page_views": self.session_full_depth_page_views}
        yield Row("touch_settings", "touch_settings", 1, value)
        for n, channel in enumerate(self.ad_channels, 1):
            yield Row("ad_channels", channel, n, {"channel": channel})
        types: dict[str, TypeSettings] = {**self.types}
        for n, name in enumerate(TOUCH_TYPES, 1):
            settings = types.get(name, TypeSettings())
            yield Row("touch_types", name, n, settings.model_dump())
        for n, (event, touch) in enumerate(self.events.items(), 1):
            yield Row("touch_events", event, n, touch.model_dump())
