"""Reading `experiments/*.yml`, and what is wrong with an experiment besides its form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import yaml

from workspace.definitions.caps import Caps
from workspace.definitions.experiments import HOLDOUT, Experiment, Experiments
from workspace.definitions.journeys import Journey, Send, Split
from workspace.definitions.reading import DefinitionError, nearest, read
from workspace.definitions.segments import Location


def load_experiments(
    folder: Path,
    journeys: Mapping[str, Journey],
    verticals: Collection[str],
    caps: Caps,
    campaigns: Collection[str] | None = None,
) -> Experiments:
    """Read ``experiments/*.yml`` of a definitions folder. Raises :class:`DefinitionError`.

    ``campaigns`` are the keys of the campaigns there are; by default the files in ``campaigns/``.
    """
    of_splits = {
        node.experiment: name
        for name, journey in journeys.items()
        for node in journey.nodes.values()
        if isinstance(node, Split) and node.experiment is not None
    }
    known = keys_in(folder / "campaigns") if campaigns is None else set(campaigns)
    templates = {path.parent.name: path for path in (folder / "templates").glob("*/template.yml")}
    found: dict[str, Experiment] = {}
    paths: dict[str, Path] = {}
    faults: list[str] = []
    for path in sorted((folder / "experiments").glob("*.y*ml")):
        key = path.stem
        if not (key.isascii() and key.replace("_", "a").isalnum() and key.islower()):
            faults.append(
                f"{path}:1: the name of the file is the experiment's key: lower case letters, "
                "digits and _"
            )
        if key in of_splits:
            faults.append(f"{path}:1: a split of the journey {of_splits[key]!r} is called so")
        try:
            found[key] = read(
                path,
                Experiment,
                lambda one: faults_of(one, journeys, verticals, caps, known, templates),
            )
            paths[key] = path
        except DefinitionError as error:
            faults += error.faults
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


def keys_in(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.y*ml")}


def faults_of(
    experiment: Experiment,
    journeys: Mapping[str, Journey],
    verticals: Collection[str],
    caps: Caps,
    campaigns: Collection[str],
    templates: Mapping[str, Path],
) -> Iterator[tuple[Location, str]]:
    """Every fault of an experiment and where in its file it is; ``templates`` gives their files."""
    if experiment.vertical is not None and experiment.vertical not in verticals:
        near = nearest(experiment.vertical, verticals)
        yield ("vertical",), f"no vertical {experiment.vertical!r} in verticals.yml{near}"
    if experiment.campaign is not None and experiment.campaign not in campaigns:
        near = nearest(experiment.campaign, campaigns)
        yield ("campaign",), f"no campaign {experiment.campaign!r}{near}"
    for name, arm in experiment.variants.items():
        if arm.template is not None and arm.template not in templates:
            near = nearest(arm.template, templates)
            yield ("variants", name, "template"), f"no template {arm.template!r}{near}"
    if experiment.journey is None:
        return
    if experiment.journey not in journeys:
        near = nearest(experiment.journey, journeys)
        yield ("journey",), f"no journey {experiment.journey!r}{near}"
        return
    yield from _faults_of_journey(experiment, journeys[experiment.journey], caps, templates)


def _faults_of_journey(
    experiment: Experiment, journey: Journey, caps: Caps, templates: Mapping[str, Path]
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
    if HOLDOUT in experiment.variants:
        for node in asked:
            name = node.message_class or journey.message_class
            if name in caps.classes and "holdout" in caps.classes[name].skips:
                yield ("variants", HOLDOUT), f"{name} messages pass the hold-out by (caps.yml)"
    channels = {node.channel for node in asked}
    for name, arm in experiment.variants.items():
        if arm.template is None or arm.template not in templates:
            continue
        place = ("variants", name, "template")
        if len(asked) > 1:
            yield (
                place,
                f"{experiment.journey} sends at several nodes: {', '.join(sends)}; name one",
            )
            continue
        missing = channels - _channels_of(templates[arm.template])
        if missing:
            yield place, f"{arm.template} has no {missing.pop()}"


def _channels_of(path: Path) -> set[str]:
    """The channels of a template whose form is checked where templates are."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return set(found["channels"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        return set()
