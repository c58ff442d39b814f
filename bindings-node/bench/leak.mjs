// Ten thousand turns, and what they leave in memory: node --expose-gc bench/leak.mjs
import { VoiceAgent } from 'voice-core'

const sound = { samples: new Int16Array(160).fill(1000), sampleRate: 16_000 }
const hosts = { stt: { transcribe: () => 'hi' }, llm: { generate: () => 'Yes.' }, tts: { synthesize: () => sound } }
const agent = await VoiceAgent.create({ ...hosts, storage: 'memory' })

async function turns(count) {
  for (let i = 0; i < count; i += 1) {
    const { sessionId } = await agent.converse({ text: 'hi' })
    await agent.sessions.delete(sessionId)
  }
  globalThis.gc()
  return process.memoryUsage().rss / 1e6
}

// The allocator has reached its working size by then.
const before = await turns(10_000)
const after = await turns(10_000)
console.log(JSON.stringify({ before_mb: before.toFixed(1), after_mb: after.toFixed(1) }))
await agent.close()
