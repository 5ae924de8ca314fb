"""Locks between runs on one machine: of the CPU for timings, of devices."""
