"""`actions.yml`: what may be done with a contact next, what it is worth, and whom look-alikes are
sought for (``docs/next-best-action.md``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.campaigns import Campaign
from workspace.definitions.consent import Consent
from workspace.definitions.content import STAGES
from workspace.definitions.reading import Key, Row, Strict, nearest, no_repeats
from workspace.definitions.templates import Template
from workspace.definitions.touchpoints import TouchType

#: The option that is always there.
NOTHING = "nothing"

Text = Annotated[str, Field(min_length=1, max_length=200)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Days = Annotated[int, Field(ge=1, le=366)]


class Response(Strict):
    """A contact responded when any of these touches follows within the days."""

    touches: Annotated[list[TouchType], Field(min_length=1)]
    within_days: Days = 14


class Action(Strict):
    """One thing that can be done with a contact.

    A ``message`` is sent by its campaign; a ``task`` is done by somebody of ours, and ``done_by``
    are the touches that show that it was. Either needs a consent for purpose and channel.
    """

    name: Text
    description: Text | None = None
    kind: Literal["message", "task"] = "message"
    vertical: Key
    campaign: Key | None = None
    purpose: Key
    channel: Literal["email", "sms", "push"] = "email"
    mailings: list[Text] = Field(
        [], description="Mails of an old tool that were the same, by mailing; * is any text."
    )
    done_by: list[TouchType] = []
    response: Response
    value: Amount = Field(description="What a response is worth, base currency.")
    cost: Amount = Field(0, description="What doing it once costs, base currency.")
    assumed_rate: Probability = Field(
        0.01, description="Share that responds, until it is measured."
    )
    assumed_stop_rate: Probability = Field(
        0.002, description="Share that unsubscribes, until it is measured."
    )
    roles: list[Text] = []
    stages: list[Text] = Field([], description="Buyer stages it is for; none: all of them.")
    rest_days: Annotated[int, Field(ge=0, le=366)] = 14
    approved: bool = Field(True, description="false: a draft, which is nobody's candidate.")

    @model_validator(mode="after")
    def _fits_together(self) -> Action:
        if (self.campaign is None) != (self.kind == "task"):
            raise ValueError("a message has a campaign, and a task has none")
        if self.kind == "message" and self.done_by:
            raise ValueError("done_by goes with a task; a message is seen when it is sent")
        if self.kind == "task" and self.mailings:
            raise ValueError("mailings go with a message")
        return self


class Enough(Strict):
    """From when on a model is fitted, and from when on the effect is modelled."""

    exposures: Annotated[int, Field(ge=20, le=10**7)] = 300
    responses: Annotated[int, Field(ge=5, le=10**6)] = 30
    control: Annotated[int, Field(ge=100, le=10**7)] = 1000
    prior: Annotated[float, Field(gt=0, le=10**6)] = Field(
        50, description="Imaginary exposures at the assumed rate, where no model is fitted."
    )


class LookAlikes(Strict):
    """Contacts outside a segment that resemble its members: the ``most`` nearest ones."""

    most: Annotated[int, Field(ge=1, le=10_000)] = 200
    neighbours: Annotated[int, Field(ge=1, le=50)] = 5


class Actions(Strict):
    """``enabled`` lets segments ask for the action chosen, so that campaigns can send it."""

    enabled: bool = False
    round_days: Annotated[int, Field(ge=1, le=92)] = 7
    exploration: Annotated[float, Field(ge=0, lt=1)] = 0.05
    seed: int = 0
    stop_cost: Amount = Field(20, description="What an unsubscription costs, base currency.")
    history_days: Annotated[int, Field(ge=30, le=3660)] = 730
    most_exposures: Annotated[int, Field(ge=1000, le=10**7)] = 200_000
    enough: Enough = Enough()
    lookalikes: dict[Key, LookAlikes] = {}
    actions: dict[Key, Action] = {}

    @model_validator(mode="after")
    def _no_nothing(self) -> Actions:
        if NOTHING in self.actions:
            raise ValueError(f"{NOTHING!r} is the option that is always there")
        campaigns = [a.campaign for a in self.actions.values() if a.campaign is not None]
        no_repeats(campaigns, "campaign")
        return self

    def rows(self) -> Iterator[Row]:
        settings = {
            "enabled": self.enabled,
            "round_days": self.round_days,
            "stop_cost": self.stop_cost,
        }
        yield Row("action_settings", "settings", 1, settings)
        for position, (key, action) in enumerate(self.actions.items(), 1):
            value = action.model_dump(include={"name", "kind", "vertical", "campaign", "purpose"})
            value |= {
                "action": key,
                "channel": action.channel,
                "value": action.value,
                "cost": action.cost,
                "is_approved": action.approved,
            }
            yield Row("actions", key, position, value)

    def faults(
        self,
        verticals: Collection[str],
        segments: Collection[str],
        consent: Consent,
        campaigns: Mapping[str, Campaign],
        templates: Mapping[str, Template],
    ) -> Iterator[tuple[Sequence[str | int], str]]:
        """Places and texts of names that nothing has, and of approvals that contradict."""
        for key in self.lookalikes:
            if key not in segments:
                yield ("lookalikes", key), f"no segment {key!r}{nearest(key, segments)}"
        for key, action in self.actions.items():
            place = ("actions", key)
            named = (
                ("vertical", action.vertical, verticals),
                ("purpose", action.purpose, consent.purposes),
                ("campaign", action.campaign, campaigns),
            )
            for field, name, known in named:
                if name is not None and name not in known:
                    text = f"no {field} {name!r}{nearest(name, known)}"
                    yield (*place, field), text
            for n, stage in enumerate(action.stages):
                if stage not in STAGES:
                    text = f"no buyer stage {stage!r}{nearest(stage, STAGES)}"
                    yield (*place, "stages", n), text
            campaign = campaigns.get(action.campaign or "")
            template = templates.get(campaign.template or "") if campaign else None
            if action.approved and template is not None and not template.approved:
                assert campaign is not None
                text = f"its campaign's template {campaign.template!r} is not approved"
                yield (*place, "approved"), text
