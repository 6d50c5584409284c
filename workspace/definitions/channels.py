"""`channels.yml`: how a visit or touch gets its channel, and what a session is.

Rules are tried in the file's order and the first whose conditions all hold names the channel.
Patterns are regular expressions without look-around or back references, tried on lower-case text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from workspace.definitions.reading import Key, Row, Strict, nearest, no_repeats

#: The channel of what no rule names; never a rule's own.
UNKNOWN = "unknown"
#: Kinds of sites that have a field of their own in the file.
OWN, PARTNER, PRESS = "own", "partner", "press"

_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*(\.\*)?")
#: What follows the dot of ``google.*``: one label, or a short one and a country.
_ANY_ENDING = r"\.([a-z]{2,6}|(com|co|net|org)\.[a-z]{2})"


def pattern(value: str) -> str:
    """A regular expression that Python, RE2 and Java read alike; raises ValueError."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    if re.search(r"\(\?(?!:)|\\[1-9]", value):
        raise ValueError(f"{value!r} uses look-around, a flag or a back reference")
    return value


def _domain(value: str) -> str:
    value = value.strip().lower().rstrip(".")
    if not _DOMAIN.fullmatch(value):
        raise ValueError(f"{value!r} is no domain such as bing.com or google.*")
    return value


Pattern = Annotated[str, Field(min_length=1), AfterValidator(pattern)]
Domain = Annotated[str, AfterValidator(_domain)]
Name = Annotated[str, Field(min_length=1)]


class Sessions(Strict):
    """What ends a session, and what makes one count."""

    inactivity_minutes: Annotated[int, Field(gt=0, le=1440)] = 30
    split_at_midnight: bool = False
    split_on_campaign: bool = False
    engaged_seconds: Annotated[int, Field(ge=0)] = 10
    engaged_page_views: Annotated[int, Field(gt=0)] = 2
    last_non_direct_days: Annotated[int, Field(ge=0)] = 90
    key_events: list[Name] = []
    excluded_libraries: list[Name] = []


class Sites(Strict):
    """Sites of one kind: their domains, and further names that a ``utm_source`` may have."""

    domains: list[Domain] = []
    names: list[Name] = []


class When(Strict):
    """The conditions of a rule; all that are given must hold."""

    campaign_of: list[Name] | None = None
    click_id: list[Name] | None = None
    source: Pattern | None = None
    source_in: Key | None = None
    medium: Pattern | None = None
    campaign: Pattern | None = None
    referrer_in: Key | None = None
    any_referrer: bool | None = None
    touch: list[Name] | None = None
    nothing: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> When:
        given = self.model_dump(exclude_none=True)
        if not given:
            raise ValueError("a rule needs a condition")
        if False in given.values() or [] in given.values():
            raise ValueError("leave out what is not asked for")
        if self.nothing and len(given) > 1:
            raise ValueError("`nothing` stands alone")
        return self


class Rule(Strict):
    id: Key
    channel: Key
    when: When


class Conversion(Strict):
    """A track event that is a conversion, worth ``value`` (base currency), else its revenue."""

    value: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)] | None = None


class Channels(Strict):
    """``channels.yml``."""

    sessions: Sessions = Sessions()
    max_unknown_share: Annotated[float, Field(ge=0, le=1)] = 0.02
    channels: list[Key] = []
    own_domains: list[Domain] = []
    partner_domains: list[Domain] = []
    press_domains: list[Domain] = []
    click_ids: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,40}$")]] = []
    sites: dict[Key, Sites] = {}
    rules: list[Rule] = []
    conversions: dict[Name, Conversion] = {}

    @field_validator("sites")
    @classmethod
    def _not_reserved(cls, value: dict[str, Sites]) -> dict[str, Sites]:
        for kind in (OWN, PARTNER, PRESS):
            if kind in value:
                raise ValueError(f"the sites {kind!r} are listed in {kind}_domains")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Channels:
        no_repeats(self.channels, "channel")
        no_repeats(self.click_ids, "click id")
        no_repeats((rule.id for rule in self.rules), "rule id")
        return self

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Names in rules that the file does not list: (rule id, field, what is wrong)."""
        kinds = {*self.sites, PARTNER, PRESS}
        for rule in self.rules:
            if rule.channel not in self.channels or rule.channel == UNKNOWN:
                hint = nearest(rule.channel, self.channels)
                yield rule.id, "channel", f"no channel {rule.channel!r} in channels{hint}"
            for field in ("source_in", "referrer_in"):
                kind = getattr(rule.when, field)
                if kind is not None and kind not in kinds:
                    yield rule.id, f"when.{field}", f"no sites {kind!r}{nearest(kind, kinds)}"
            for click_id in rule.when.click_id or []:
                if click_id not in self.click_ids:
                    hint = nearest(click_id, self.click_ids)
                    yield rule.id, "when.click_id", f"no click id {click_id!r} in click_ids{hint}"

    def rows(self) -> Iterator[Row]:
        yield Row(
            "channel_settings",
            "channel_settings",
            1,
            {"max_unknown_share": self.max_unknown_share},
        )
        settings = self.sessions.model_dump(exclude={"key_events", "excluded_libraries"})
        yield Row("session_settings", "session_settings", 1, settings)
        for collection, names in (
            ("session_key_events", self.sessions.key_events),
            ("session_excluded_libraries", self.sessions.excluded_libraries),
            ("click_ids", self.click_ids),
        ):
            for n, name in enumerate(dict.fromkeys(names), 1):
                yield Row(collection, name, n, {"name": name})
        for n, (event, conversion) in enumerate(self.conversions.items(), 1):
            yield Row("conversion_events", event, n, conversion.model_dump())
        yield from self._site_rows()
        for n, rule in enumerate(self.rules, 1):
            conditions = {key: _plain(x) for key, x in rule.when.model_dump().items()}
            yield Row("channel_rules", rule.id, n, {"channel": rule.channel, **conditions})

    def _site_rows(self) -> Iterator[Row]:
        lists = {
            **self.sites,
            OWN: Sites(domains=self.own_domains),
            PARTNER: Sites(domains=self.partner_domains),
            PRESS: Sites(domains=self.press_domains),
        }
        position = 0
        for kind, sites in lists.items():
            for domain in dict.fromkeys(sites.domains):
                position += 1
                label = domain.removesuffix(".*")
                value = {"kind": kind, "specificity": len(label)}
                if label == domain:
                    value["domain"] = domain
                else:
                    value["pattern"] = rf"(^|\.){re.escape(label)}{_ANY_ENDING}$"
                yield Row("channel_sites", f"{kind}/{domain}", position, value)
            for name in dict.fromkeys([*map(str.lower, sites.names), *_names(sites.domains)]):
                position += 1
                value = {"kind": kind, "specificity": len(name), "name": name}
                yield Row("channel_sites", f"{kind}={name}", position, value)


def _names(domains: list[str]) -> Iterator[str]:
    """``bing`` of ``bing.com``, as people write it in ``utm_source``.

    A single letter (``t.co``) and longer domains name nothing.
    """
    for domain in domains:
        label, _, rest = domain.partition(".")
        if len(label) > 1 and "." not in rest:
            yield label


def _plain(value: Any) -> Any:
    """Lists as text between bars, so that SQL can look a name up in them."""
    return f"|{'|'.join(value)}|" if isinstance(value, list) else value
