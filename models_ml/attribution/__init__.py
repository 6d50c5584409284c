"""Data-driven attribution: Markov chains and the Shapley value over the warehouse's paths.

The rule models are SQL (`dbt/models/marts/attribution`). What is fitted here are the few numbers a
path's credit is computed from, so that rows of people never come to Python.
"""
