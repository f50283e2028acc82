"""A compiler for spiking networks and their local learning rules, written as short text files."""

from snc.api import Experiment, load

__all__ = ["Experiment", "load"]
__version__ = "0.1.0"
