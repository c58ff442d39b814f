// A first spoken conversation, offline: node first-conversation.mjs question.wav
import { VoiceAgent, VoiceError } from 'voice-core'

try {
  const agent = await VoiceAgent.local({ storage: 'memory' })
  const reply = await agent.converse(process.argv[2] ?? 'question.wav')
  console.log(`${reply.transcript}\n${reply.text}`)
  await reply.audio.save('answer.wav')
} catch (error) {
  console.error(error instanceof VoiceError ? `${error.code}: ${error.message}` : error)
  process.exitCode = 1
}
