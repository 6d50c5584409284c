"""The models of the warehouse: trained over its feature marts, scored into the lake.

The frames, streams and the registry's folder meet here; how a model is fitted, judged and explained
is `models_ml.supervised`, what is kept of it `models_ml.registry`. No Dagster.
"""
