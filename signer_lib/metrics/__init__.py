"""Measures, each as an ``evaluate.Metric`` so that no network is needed and every score prints the settings that made it."""
