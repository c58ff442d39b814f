"""The scripted turn through the voice pipeline of openai-agents, with its three models written for the script.

    live_openai_agents.py CONVERSATIONS

A pipeline a conversation, streamed input, one agent as its workflow. Tracing, which sends what was said to a server, is off. Sound is
handed on chunk by chunk, where its default gathers 120 chunks. Needs `pip install 'openai-agents[voice]'`.
"""

import time

begun = time.perf_counter()

import numpy
from agents import Agent, Model, set_tracing_disabled
from agents.voice import (
    SingleAgentVoiceWorkflow,
    StreamedAudioInput,
    StreamedTranscriptionSession,
    STTModel,
    TTSModel,
    TTSModelSettings,
    VoicePipeline,
    VoicePipelineConfig,
)
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)

IMPORTED = time.perf_counter() - begun

from contextlib import asynccontextmanager

import live_script as script

# What the recogniser's server would tell by itself: the user's turn is over.
END_OF_TURN = numpy.zeros(0, dtype=numpy.int16)


class Hearing(StreamedTranscriptionSession):
    def __init__(self, sound):
        self.sound = sound

    async def transcribe_turns(self):
        while (frame := await self.sound.queue.get()) is not None:
            if frame is END_OF_TURN:
                yield await script.transcribed()

    async def close(self):
        pass


class Ears(STTModel):
    model_name = "script"

    async def transcribe(self, input, settings, trace_include_sensitive_data, trace_include_sensitive_audio_data):
        return await script.transcribed()

    async def create_session(self, input, settings, trace_include_sensitive_data, trace_include_sensitive_audio_data):
        return Hearing(input)


class Mind(Model):
    async def get_response(self, *request, **more):
        raise NotImplementedError("the pipeline streams")

    async def stream_response(self, *request, **more):
        text = ""
        # What the network would have parsed: events that are not validated again.
        delta = dict(item_id="answer", content_index=0, output_index=0, logprobs=[], type="response.output_text.delta")
        async for token in script.tokens():
            text += token
            yield ResponseTextDeltaEvent.model_construct(delta=token, sequence_number=0, **delta)
        words = ResponseOutputText(text=text, annotations=[], type="output_text")
        answer = ResponseOutputMessage(
            id="answer", content=[words], role="assistant", status="completed", type="message"
        )
        whole = Response.model_construct(
            id="response", created_at=0, model="script", object="response", output=[answer], tool_choice="none", tools=[]
        )
        yield ResponseCompletedEvent.model_construct(response=whole, sequence_number=0, type="response.completed")


class Mouth(TTSModel):
    model_name = "script"

    def run(self, text, settings):
        return script.chunks()


class Conversation:
    def __init__(self, sound, events):
        self.sound, self.events = sound, events

    async def push(self, frame):
        await self.sound.add_audio(numpy.frombuffer(frame, dtype=numpy.int16))

    async def commit(self):
        await self.sound.add_audio(END_OF_TURN)

    async def answer(self):
        while True:
            event = await anext(self.events)
            if event.type == "voice_stream_event_audio":
                yield time.perf_counter(), event.data.tobytes()
            elif event.type == "voice_stream_event_error":
                raise event.error
            elif event.event == "turn_ended":
                return


@asynccontextmanager
async def conversation():
    workflow = SingleAgentVoiceWorkflow(Agent(name="script", instructions="Be brief.", model=Mind()))
    config = VoicePipelineConfig(tts_settings=TTSModelSettings(buffer_size=1), tracing_disabled=True)
    pipeline = VoicePipeline(workflow=workflow, stt_model=Ears(), tts_model=Mouth(), config=config)
    sound = StreamedAudioInput()
    events = (await pipeline.run(sound)).stream()
    yield Conversation(sound, events)
    await sound.add_audio(None)
    async for _ in events:
        pass


set_tracing_disabled(True)
script.measure(conversation, IMPORTED)
