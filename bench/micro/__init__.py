"""Micro benchmarks: one operation of the package at a time, on its real objects, without a network.

``workloads.py`` names them all. ``instructions.py`` counts the instructions that they need, which the tests hold to
``limits.py``; ``times.py`` says how long they take, which means something on a quiet machine only.
"""
