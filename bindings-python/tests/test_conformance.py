"""The scenarios that every language plays."""

import asyncio

import conformance
import pytest


@pytest.mark.parametrize("scenario", list(conformance.scenarios()), ids=lambda scenario: scenario["name"])
def test_conformance(scenario):
    why = conformance.impossible(scenario)
    if why is None:
        asyncio.run(asyncio.wait_for(conformance.Player(scenario).play(), 60))
