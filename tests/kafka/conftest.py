"""The broker that the tests of this folder share."""

from kafka.fixtures import broker

__all__ = ["broker"]
