// What a turn costs through Node when its providers answer at once, and what ten thousand turns leave in memory. Prints one line of
// JSON: node --expose-gc bench/overhead.mjs; `cargo xtask bench overhead` runs it with a release build.
import { VoiceAgent } from 'voice-core'

const WARM = 500
const RUNS = 2000

async function median(run) {
  const all = []
  for (let i = -WARM; i < RUNS; i += 1) {
    const start = process.hrtime.bigint()
    await run()
    if (i >= 0) all.push(Number(process.hrtime.bigint() - start) / 1e3)
  }
  return all.sort((a, b) => a - b)[RUNS / 2]
}

const sound = { samples: new Int16Array(160).fill(1000), sampleRate: 16_000 }
const speech = { samples: Int16Array.from({ length: 1600 }, (_, i) => (Math.floor(i / 40) % 2 ? -8000 : 8000)), sampleRate: 16_000 }
const hosts = { stt: { transcribe: () => 'hi' }, llm: { generate: () => 'Yes.' }, tts: { synthesize: () => sound } }
const agent = await VoiceAgent.create({ ...hosts, storage: 'memory' })

async function turns(count) {
  for (let i = 0; i < count; i += 1) {
    const { sessionId } = await agent.converse({ text: 'hi' })
    await agent.sessions.delete(sessionId)
  }
  globalThis.gc()
  // What V8 keeps empty for later comes and goes by megabytes; it is not what the turns have left.
  const { rss, heapTotal, heapUsed } = process.memoryUsage()
  return Math.round((rss - (heapTotal - heapUsed)) / 1024)
}

console.log(
  JSON.stringify({
    typed_us: await median(() => agent.converse({ text: 'hi' }, { speak: false })),
    spoken_us: await median(() => agent.converse({ text: 'hi' })),
    heard_us: await median(() => agent.converse(speech)),
    before_kib: await turns(10_000),
    after_kib: await turns(10_000),
  }),
)
await agent.close()
