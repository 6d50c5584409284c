"""Which provider a message goes to."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.delivery.providers import NAMES, capabilities
from reverse_etl.delivery.routing import Routes
from workspace.definitions.providers import CHANNELS, Place, Providers

PLACES = [
    Place(provider="sendgrid", weight=3),
    Place(provider="postmark", weight=1),
    Place(provider="ses", weight=0),
]
ROUTES = Routes({"email": PLACES})
IDS = [f"{n:064x}" for n in range(4000)]


def test_every_provider_of_the_definitions_has_a_module_and_the_reverse() -> None:
    assert list(CHANNELS) == list(NAMES)
    assert {name: capabilities(name).channel for name in NAMES} == CHANNELS


def test_weights_share_the_messages_and_the_rest_follow_in_order() -> None:
    first = Counter(ROUTES.order("email", ident)[0] for ident in IDS)
    assert first.keys() == {"sendgrid", "postmark"}
    assert abs(first["sendgrid"] / len(IDS) - 0.75) < 0.03
    assert {tuple(ROUTES.order("email", ident)) for ident in IDS} == {
        ("sendgrid", "postmark", "ses"),
        ("postmark", "sendgrid", "ses"),
    }


@given(
    st.sampled_from(IDS),
    st.sets(st.sampled_from(["sendgrid", "postmark", "ses"])),
    st.sampled_from([None, "sendgrid", "postmark", "ses", "gone"]),
    st.booleans(),
)
def test_a_choice_is_open_and_a_pinned_message_stays(
    ident: str, open_ones: set[str], given_one: str | None, is_pinned: bool
) -> None:
    found = ROUTES.choose("email", ident, open_ones, given_one, is_pinned)
    assert found is None or found in open_ones
    if is_pinned:
        assert found in (given_one, None)
    elif given_one in open_ones:
        assert found == given_one
    else:
        assert (found is None) == (not open_ones)


def test_each_is_asked_once() -> None:
    for ident in IDS[:50]:
        order, asked = ROUTES.order("email", ident), []
        name: str | None = order[0]
        while name is not None:
            asked.append(name)
            name = ROUTES.after("email", ident, name)
        assert asked == order


def test_only_what_can_be_used_is_in_a_lane() -> None:
    given = Providers.model_validate(
        {
            "providers": {"sendgrid": {}, "ses": {}, "twilio": {}},
            "lanes": {
                "email": [{"provider": "sendgrid", "weight": 1}, {"provider": "ses"}],
                "sms": [{"provider": "twilio", "weight": 1}],
            },
        }
    )
    found = Routes.of(given, {"ses"})
    assert {channel: [p.provider for p in its] for channel, its in found.lanes.items()} == {
        "email": ["ses"]
    }
    # Without a share of its own it is still the only one to ask.
    assert found.order("email", IDS[0]) == ["ses"]
