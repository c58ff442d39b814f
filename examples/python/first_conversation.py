"""A first conversation, offline: `python -m voice_core models fetch` gets the models."""

from voice_core import VoiceAgent, VoiceError

try:
    with VoiceAgent.local() as agent:
        reply = agent.converse("question.wav")
        print(reply.transcript, "→", reply.text)
        reply.audio.save("answer.wav")
except VoiceError as error:
    raise SystemExit(f"{error.code}: {error}")
