"""Exercises: what a learner writes in `notebooks/exercises/` is checked here, and those notebooks are made here from their sources."""
