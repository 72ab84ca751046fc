"""Verbs of images: measure, generate."""
