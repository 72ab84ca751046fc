"""Lithoscape."""
