// What a turn costs through Node: medians in microseconds, of turns whose providers answer at once.
//   node bench/overhead.mjs
import { VoiceAgent } from 'voice-core'

async function median(run, count = 2000) {
  const all = []
  for (let i = 0; i < count; i += 1) {
    const start = process.hrtime.bigint()
    await run()
    all.push(Number(process.hrtime.bigint() - start) / 1e3)
  }
  return Math.round(all.sort((a, b) => a - b)[count / 2])
}

const sound = { samples: new Int16Array(160).fill(1000), sampleRate: 16_000 }
const speech = { samples: Int16Array.from({ length: 1600 }, (_, i) => (Math.floor(i / 40) % 2 ? 8000 : -8000)), sampleRate: 16_000 }
const hosts = { stt: { transcribe: () => 'hi' }, llm: { generate: () => 'Yes.' }, tts: { synthesize: () => sound } }
const agent = await VoiceAgent.create({ ...hosts, storage: 'memory' })

const call = await median(() => agent.sessions.expireIdle())
const silent = await median(() => agent.converse({ text: 'hi' }, { speak: false }))
const spoken = await median(() => agent.converse({ text: 'hi' }))
const heard = await median(() => agent.converse(speech))
const streamed = await median(async () => {
  for await (const _ of agent.turn({ text: 'hi' }, { speak: false }));
})
console.log(JSON.stringify({ call, turn_one_host: silent, turn_two_hosts: spoken, turn_three_hosts: heard, streamed }))
await agent.close()
