"""Reading `experiments/*.yml`, and what is wrong with an experiment besides its form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from workspace.definitions.campaign_files import Known
from workspace.definitions.campaigns import Campaign
from workspace.definitions.experiments import HOLDOUT, Experiment, Experiments
from workspace.definitions.journey_files import missing_values
from workspace.definitions.journey_nodes import Send, Split
from workspace.definitions.journeys import Journey
from workspace.definitions.reading import DefinitionError, nearest, read, read_folder
from workspace.definitions.segments import Location


def load_experiments(folder: Path, known: Known, campaigns: Mapping[str, Campaign]) -> Experiments:
    """Read ``experiments/*.yml`` of a definitions folder. Raises :class:`DefinitionError`."""
    of_splits = {
        node.experiment: name
        for name, journey in known.journeys.items()
        for node in journey.nodes.values()
        if isinstance(node, Split) and node.experiment is not None
    }
    found, faults = read_folder(
        folder / "experiments",
        Experiment,
        "experiment",
        lambda one: faults_of(one, known, campaigns),
    )
    paths = {path.stem: path for path in sorted((folder / "experiments").glob("*.y*ml"))}
    faults += [
        f"{path}:1: a split of the journey {of_splits[key]!r} is called so"
        for key, path in paths.items()
        if key in of_splits
    ]
    if faults:
        raise DefinitionError(faults)
    experiments = Experiments(experiments=found)
    for key, path in paths.items():
        try:
            read(path, Experiment, lambda _, key=key: experiments.faults(key))
        except DefinitionError as error:
            faults += error.faults
    if faults:
        raise DefinitionError(faults)
    return experiments


def faults_of(
    experiment: Experiment, known: Known, campaigns: Mapping[str, Campaign]
) -> Iterator[tuple[Location, str]]:
    """Every fault of an experiment and where in its file it is."""
    if experiment.vertical is not None and experiment.vertical not in known.verticals:
        near = nearest(experiment.vertical, known.verticals)
        yield ("vertical",), f"no vertical {experiment.vertical!r} in verticals.yml{near}"
    for name, arm in experiment.variants.items():
        if arm.template is not None and arm.template not in known.templates:
            near = nearest(arm.template, known.templates)
            yield ("variants", name, "template"), f"no template {arm.template!r}{near}"
    if experiment.campaign is not None:
        yield from _faults_of_campaign(experiment, known, campaigns)
    elif experiment.journey not in known.journeys:
        near = nearest(experiment.journey, known.journeys)
        yield ("journey",), f"no journey {experiment.journey!r}{near}"
    else:
        yield from _faults_of_journey(experiment, known.journeys[experiment.journey], known)


def _faults_of_campaign(
    experiment: Experiment, known: Known, campaigns: Mapping[str, Campaign]
) -> Iterator[tuple[Location, str]]:
    campaign = campaigns.get(experiment.campaign or "")
    if campaign is None:
        near = nearest(experiment.campaign, campaigns)
        yield ("campaign",), f"no campaign {experiment.campaign!r}{near}"
        return
    if campaign.journey is not None:
        yield (
            ("campaign",),
            f"its messages are those of a journey; give journey: {campaign.journey}",
        )
        return
    yield from _holdout_faults(experiment, [campaign.message_class], known)
    yield from _template_faults(experiment, {str(campaign.channel)}, known)
    for name, arm in experiment.variants.items():
        if arm.template is not None:
            place = ("variants", name, "template")
            yield from missing_values(place, arm.template, campaign.values, known.templates)


def _faults_of_journey(
    experiment: Experiment, journey: Journey, known: Known
) -> Iterator[tuple[Location, str]]:
    sends = {key: node for key, node in journey.nodes.items() if isinstance(node, Send)}
    if experiment.node is not None and experiment.node not in sends:
        near = nearest(experiment.node, sends)
        yield ("node",), f"{experiment.journey} sends nothing at {experiment.node!r}{near}"
        return
    if not sends:
        yield ("journey",), f"{experiment.journey} sends nothing"
        return
    asked = [sends[experiment.node]] if experiment.node else list(sends.values())
    classes = [node.message_class or journey.message_class for node in asked]
    yield from _holdout_faults(experiment, classes, known)
    if len(asked) > 1:
        for name, arm in experiment.variants.items():
            if arm.template is not None:
                yield (
                    ("variants", name, "template"),
                    f"{experiment.journey} sends at several nodes: {', '.join(sends)}; name one",
                )
        return
    yield from _template_faults(experiment, {node.channel for node in asked}, known)


def _holdout_faults(
    experiment: Experiment, classes: Collection[str], known: Known
) -> Iterator[tuple[Location, str]]:
    if HOLDOUT not in experiment.variants:
        return
    for name in classes:
        if name in known.caps.classes and "holdout" in known.caps.classes[name].skips:
            yield ("variants", HOLDOUT), f"{name} messages pass the hold-out by (caps.yml)"


def _template_faults(
    experiment: Experiment, channels: set[str], known: Known
) -> Iterator[tuple[Location, str]]:
    for name, arm in experiment.variants.items():
        if arm.template is None or arm.template not in known.templates:
            continue
        missing = channels - set(known.templates[arm.template].channels)
        if missing:
            yield ("variants", name, "template"), f"{arm.template} has no {missing.pop()}"
