"""Documents that answers are drawn from, as the documents say."""

import asyncio

import pytest
from conftest import parts

from voice_core import AsyncVoiceAgent, InvalidRequestError, SourcesFound, ValidationError, VoiceAgent

HANDBOOK = "# Hours\n\nWe open at six.\n\n# Prices\n\nA sourdough loaf costs 4.50 euros."
EVERYTHING = {"knowledge": {"documents": ["*"]}}


class Echo:
    """Says what it is told."""

    name = "test/echo"

    def generate(self, request):
        yield request.messages[-1].content


def test_an_answer_says_what_it_is_drawn_from():
    with VoiceAgent(**parts(config=EVERYTHING, llm=Echo())) as agent:
        document = agent.knowledge.add("Handbook", HANDBOOK, format="markdown", metadata={"shop": 3})
        assert agent.knowledge.add("Handbook", HANDBOOK, format="markdown") == document
        reply = agent.converse(text="How much is a sourdough loaf?", speak=False)
        assert reply.text.startswith("<reference>") and reply.knowledge_error is None
        (source,) = reply.sources
        assert (source.document_id, source.title, source.heading) == (document.id, "Handbook", "Prices")
        assert "4.50" in source.text and source.score > 0.5 and "4.50" not in repr(source)
        assert reply.timings["searched"] is not None
        agent.knowledge.update(document.id, text=HANDBOOK.replace("4.50", "5"))
        told = [event for event in agent.turn(text="And a sourdough loaf?") if isinstance(event, SourcesFound)]
        assert ["costs 5 euros" in found.sources[0].text for found in told] == [True]
        agent.knowledge.delete(document.id)
        assert agent.converse(text="How much is a sourdough loaf?", speak=False).sources == ()


def test_what_is_wrong_is_named():
    with VoiceAgent(**parts()) as agent:
        with pytest.raises(ValidationError, match="title: "):
            agent.knowledge.add("", "Words.")
        with pytest.raises(InvalidRequestError, match="no such document"):
            agent.knowledge.get("01900000-0000-7000-8000-000000000000")


def test_documents_of_an_organization_are_awaited():
    async def run():
        config = {"accounts": {"credentials_key": "07" * 32}}
        async with AsyncVoiceAgent(**parts(config=config)) as agent:
            house = await agent.accounts.create_organization("House")
            rooms = agent.knowledge.of(house.id)
            made = await rooms.add("Handbook", HANDBOOK, format="markdown")
            assert made.organization == house.id and "six" in await rooms.text(made.id)
            assert [source.heading for source in await rooms.search("When do you open?", top_k=1)] == ["Hours"]
            assert (await agent.knowledge.list()).items == []

    asyncio.run(run())
