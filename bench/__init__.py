"""Benchmarks: speed, memory and linkage quality. `make bench` runs all; `python -m bench imports` one."""
