"""When Pipecat's default detectors take the user's turn to be over, in seconds of the recording.

    talk_peers.py turns|voice FILE

`turns`: Silero VAD and the local smart-turn model with their default settings, fed 20 ms at a time on a clock that is the
sound itself; the processor time of the model is added to the decision. No transcript is waited for, which favours them.
`voice`: when the voice is taken to begin, which is what interrupts an agent. Needs `pip install 'pipecat-ai[silero]'`.
"""

import asyncio
import sys
import time
import wave

from loguru import logger

logger.remove()

from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState
from pipecat.audio.turn.smart_turn import base_smart_turn
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADState

RATE = 16000
FRAME = RATE // 50


class Clock:
    """Stands in for the module `time` where the analyzer asks how late it is."""

    now = 0.0

    def monotonic(self):
        return self.now

    perf_counter = staticmethod(time.perf_counter)


async def main(what, path):
    with wave.open(path) as file:
        sound = file.readframes(file.getnframes())
    clock = base_smart_turn.time = Clock()
    vad = SileroVADAnalyzer(sample_rate=RATE)
    vad.set_sample_rate(RATE)
    turn = LocalSmartTurnAnalyzerV3(sample_rate=RATE)
    turn.set_sample_rate(RATE)
    turn.update_vad_start_secs(vad.params.start_secs)
    was, decided, voices, open_turn = VADState.QUIET, [], [], False
    for at in range(0, len(sound), FRAME * 2):
        frame = sound[at : at + FRAME * 2]
        clock.now = (at / 2 + FRAME) / RATE
        state = await vad.analyze_audio(frame)
        if state in (VADState.STARTING, VADState.STOPPING):
            state = was
        if state == VADState.SPEAKING and was != state:
            voices.append(clock.now)
            open_turn = True
        over = turn.append_audio(frame, state == VADState.SPEAKING) == EndOfTurnState.COMPLETE
        took = 0.0
        if was == VADState.SPEAKING and state == VADState.QUIET:
            begun = time.process_time()
            result, _ = await turn.analyze_end_of_turn()
            took = time.process_time() - begun
            over = over or result == EndOfTurnState.COMPLETE
        if over and open_turn:
            decided.append(clock.now + took)
            open_turn = False
        was = state
    print(*[f"{at:.3f}" for at in (decided if what == "turns" else voices)])


asyncio.run(main(*sys.argv[1:]))
