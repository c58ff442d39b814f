"""The scripted turn through a Pipecat pipeline, with its three services and its transport written for the script.

    live_pipecat.py CONVERSATIONS

A pipeline a conversation: transport, speech to text, user's context, language model, speech, transport, assistant's context. Lean: no
detector of voices or of ends of turns; the recogniser proposes both, as those with turn detection of their own do. No messages for a
client (RTVI), no logging; sound passes in chunks of 100 ms as it comes and is not paced. Needs `pip install pipecat-ai`.
"""

import time

begun = time.perf_counter()

from loguru import logger

# It greets when it is imported.
logger.remove()

from pipecat.adapters.llm.services.open_ai_adapter import OpenAILLMAdapter
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

IMPORTED = time.perf_counter() - begun

import asyncio
from contextlib import asynccontextmanager

import live_script as script


class Ears(STTService):
    def __init__(self):
        super().__init__(settings=STTSettings(model=None, language=None), ttfs_p99_latency=0.05)
        self.hears = False

    async def run_stt(self, audio):
        if not self.hears:
            self.hears = True
            await self.broadcast_frame(ProposedUserStartedSpeakingFrame)
        yield None

    async def turn_is_over(self):
        """What the recogniser's server would tell by itself."""
        self.hears = False
        text = await script.transcribed()
        await self.push_frame(TranscriptionFrame(text, "", time_now_iso8601(), finalized=True))
        await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)


class Mind(LLMService):
    adapter_class = OpenAILLMAdapter

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        async for token in script.tokens():
            await self._push_llm_text(token)
        await self.push_frame(LLMFullResponseEndFrame())


class Mouth(TTSService):
    def __init__(self):
        settings = TTSSettings(model=None, voice=None, language=None)
        super().__init__(
            settings=settings, sample_rate=script.OUTPUT_RATE, push_start_frame=True, push_stop_frames=True
        )

    async def run_tts(self, text, context_id):
        async for chunk in script.chunks():
            yield TTSAudioRawFrame(chunk, script.OUTPUT_RATE, 1, context_id=context_id)


class Microphone(BaseInputTransport):
    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)


class Speaker(BaseOutputTransport):
    def __init__(self, params):
        super().__init__(params)
        self.sounds = asyncio.Queue()

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        self.sounds.put_nowait((time.perf_counter(), frame.audio))
        return True

    async def push_frame(self, frame, direction=FrameDirection.DOWNSTREAM):
        await super().push_frame(frame, direction)
        if isinstance(frame, BotStoppedSpeakingFrame) and direction == FrameDirection.UPSTREAM:
            self.sounds.put_nowait(None)


class Line(BaseTransport):
    def __init__(self):
        super().__init__()
        params = TransportParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_10ms_chunks=10)
        self.microphone, self.speaker = Microphone(params), Speaker(params)

    def input(self):
        return self.microphone

    def output(self):
        return self.speaker


class Conversation:
    def __init__(self, line, ears):
        self.line, self.ears = line, ears

    async def push(self, frame):
        await self.line.microphone.push_audio_frame(InputAudioRawFrame(frame, script.INPUT_RATE, 1))

    async def commit(self):
        self.ears.create_task(self.ears.turn_is_over())

    async def answer(self):
        while (sound := await self.line.speaker.sounds.get()) is not None:
            yield sound


@asynccontextmanager
async def conversation():
    line, ears, mind, mouth = Line(), Ears(), Mind(), Mouth()
    context = LLMContext([{"role": "system", "content": "Be brief."}])
    user, assistant = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
    )
    pipeline = Pipeline([line.input(), ears, user, mind, mouth, line.output(), assistant])
    params = PipelineParams(audio_in_sample_rate=script.INPUT_RATE, audio_out_sample_rate=script.OUTPUT_RATE)
    worker = PipelineWorker(pipeline, params=params, enable_rtvi=False)
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_pipeline_started(worker, frame):
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    yield Conversation(line, ears)
    await worker.cancel()
    await running


script.measure(conversation, IMPORTED)
