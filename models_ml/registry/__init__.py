"""Versions of trained models as signed files, and which of them speaks.

``<root>/<model>/<version>/`` holds ``model.skops``, ``card.html``, ``manifest.json`` (hashes of all
files, data, code, parameters, metrics) and ``manifest.sig``. Which version is champion is a fold of
decisions (`decisions`), which whoever calls keeps.
"""
