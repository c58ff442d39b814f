"""Voices of text to speech: which there are, and how one sounds."""

import array
import asyncio
import wave
from io import BytesIO

import pytest
from conftest import Mouth, parts

from voice_core import AsyncVoiceAgent, InvalidRequestError, ProviderError, ValidationError, Voice, VoiceAgent

ANN = {"id": "ann", "name": "Ann", "languages": ["en-GB"], "gender": "feminine", "labels": {"use_case": "stories"}}


class Choir:
    """Several voices, of which each speaks as long as its name, and faster with a speed."""

    name = "test/choir"

    def __init__(self):
        self.asked = []

    def voices(self, language):
        self.asked.append(language)
        return [ANN, {"id": "bob", "languages": ["de-AT"]}]

    def synthesize(self, request):
        self.asked.append((request.voice, dict(request.settings), request.text, request.language))
        yield array.array("h", [1000] * int(2400 * len(request.voice or "") / request.settings.get("speed", 1))).tobytes()


class AsyncChoir(Choir):
    async def voices(self, language):
        await asyncio.sleep(0)
        return super().voices(language)


class Naming(Choir):
    """Lists again what an agent lists."""

    def voices(self, language):
        with VoiceAgent(**parts(tts=Choir())) as other:
            return iter(other.voices.list().items)


@pytest.mark.parametrize("choir", [Choir, AsyncChoir, Naming])
def test_the_voices_of_an_object_are_listed_and_heard(choir):
    tts = choir()
    with VoiceAgent(**parts(tts=tts)) as agent:
        ann, bob = agent.voices.list().items
        assert isinstance(ann, Voice) and (ann.name, ann.gender, ann.labels) == ("Ann", "female", {"use_case": "stories"})
        assert (bob.name, bob.gender, bob.labels, bob.preview_url) == ("bob", None, {}, None)
        german = agent.voices.list(language="de", limit=5)
        assert ([voice.id for voice in german.items], german.has_more) == (["bob"], False)
        preview = agent.voices.preview("ann", settings={"speed": 2, "mood": "calm"}, text="Good day.")
        assert tts.asked[-1] == ("ann", {"speed": 2, "mood": "calm"}, "Good day.", None)
        assert (preview.voice, preview.provider, preview.media_type) == ("ann", "test/choir", "audio/wav")
        assert preview.usage["tts_characters"] == 9 and preview.cost is None
        with wave.open(BytesIO(preview.data)) as sound:
            assert (sound.getframerate(), sound.getnframes()) == (24_000, 3_600)
        assert agent.voices.preview("bob").text.startswith("Hallo")
        assert tts.asked[-1][0::3] == ("bob", "de-AT")


def test_one_voice_has_no_list_and_no_other():
    with VoiceAgent(**parts(tts=Mouth())) as agent:
        for call in (agent.voices.list, lambda: agent.voices.preview("ann", text="Good day.")):
            with pytest.raises(InvalidRequestError) as caught:
                call()
            assert (caught.value.kind, caught.value.provider) == ("unsupported", "test/mouth")
        assert agent.voices.preview(format="mp3").media_type == "audio/mpeg"
        with pytest.raises(ValidationError, match="settings.style: "):
            agent.voices.preview(settings={"style": "much"})


@pytest.mark.parametrize("listed", ["no list", [{"name": "nobody"}], [7], {"id": "ann"}])
def test_a_list_of_anything_else_is_the_providers_failure(listed):
    class Odd(Mouth):
        def voices(self, language):
            return listed

    with VoiceAgent(**parts(tts=Odd())) as agent, pytest.raises(ProviderError):
        agent.voices.list()


def test_previews_are_awaited_one_beside_the_other():
    async def run():
        tts = Choir()
        async with AsyncVoiceAgent(**parts(tts=tts)) as agent:
            heard = await asyncio.gather(*(agent.voices.preview(who, text="Good day.") for who in ("ann", "bobby")))
            assert [round(preview.audio_seconds, 3) for preview in heard] == [0.3, 0.5]

    asyncio.run(run())
