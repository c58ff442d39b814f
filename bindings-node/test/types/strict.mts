// Compiled, never run: what a strict project writes, and what it must not.
import {
  type AuditEntry,
  type ConversationStore,
  type LanguageModel,
  type MetricsSink,
  models,
  type Principal,
  type Registered,
  type Reply,
  type Report,
  type Session,
  setLogger,
  type SpeechToText,
  type StoredAssistant,
  type TextToSpeech,
  type Tool,
  tool,
  type TurnEvent,
  VoiceAgent,
  VoiceError,
} from 'voice-core'

const ears: SpeechToText = { transcribe: async ({ samples, signal }) => (signal.aborted ? '' : `${samples.length}`) }
const mind: LanguageModel = {
  async *generate({ messages, maxTokens }) {
    yield `${messages.length} of ${maxTokens}`
  },
}
const mouth: TextToSpeech = { synthesize: ({ text }) => ({ samples: new Int16Array(text.length), sampleRate: 16_000 }) }

const agent: VoiceAgent = await VoiceAgent.create({
  stt: ears,
  llm: mind,
  tts: mouth,
  storage: 'sqlite:voice.db',
  assistant: { system_prompt: 'Be brief.', language: 'auto' },
  limits: { max_audio_seconds: 60 },
  retry: { attempts: 2 },
})
const ms = (report: Report): number | null => (report.type === 'turn' ? report.firstAudioMs : report.durationMs)
const sink: MetricsSink = { record: async (reports, { signal }) => console.log(reports.map(ms), signal.aborted) }
const watched: VoiceAgent = await VoiceAgent.create({ metrics: sink })
await VoiceAgent.create({ metrics: (reports) => console.log(reports.length, watched.droppedReports) })
// @ts-expect-error: a sink takes reports.
await VoiceAgent.create({ metrics: { flush: () => undefined } })
await VoiceAgent.create({
  stt: 'openai/gpt-transcribe',
  llm: ['openai/gpt-6-luna', { provider: 'local', model: 'smollm2-135m-instruct' }],
  tts: { provider: 'openai', voice: 'marin', settings: { speed: 1 } },
})

const weather: Tool = tool({
  name: 'weather',
  description: 'The weather.',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  execute: async ({ city }: { city: string }, { user, signal }) => (signal.aborted ? undefined : `${city} for ${user?.length}`),
})
await VoiceAgent.create({
  llm: { callsTools: true, generate: ({ tools }) => ({ id: 'a', name: tools?.[0]?.name ?? '', arguments: {} }) },
  tools: [weather, { name: 'act', execute() {} }],
})
// @ts-expect-error: a tool has to do something.
await VoiceAgent.create({ tools: [{ name: 'idle' }] })
// @ts-expect-error: there is no such key.
await VoiceAgent.create({ sst: 'local' })
// @ts-expect-error: a limit is a number.
await VoiceAgent.create({ limits: { max_audio_seconds: 'many' } })
// @ts-expect-error: a voice has to speak.
await VoiceAgent.create({ tts: { name: 'mute' } })
// @ts-expect-error: samples need their rate.
await agent.converse({ samples: new Int16Array(1) })
// @ts-expect-error: there is no such option.
await agent.converse('a.wav', { sesionId: 'x' })

const reply: Reply = await agent.converse('question.wav', { signal: new AbortController().signal, deadline: 1000 })
const again: Reply = await agent.turn(Buffer.alloc(0), { sessionId: reply.sessionId })
const { samples, seconds }: { samples: Int16Array; seconds: number } = again.audio
await reply.audio.save('answer.wav')
const file: Buffer = await reply.audio.encode('ogg_opus')

function shown(event: TurnEvent): string | number {
  switch (event.type) {
    case 'started':
      return event.sessionId
    case 'transcript':
      return event.final ? event.text : ''
    case 'text':
    case 'speaking':
    case 'filler':
      return event.text
    case 'toolCall':
      return event.name
    case 'toolResult':
      return event.failed ? event.elapsedMs : event.result
    case 'audio':
      return event.pcm.length + event.samples.length + event.sampleRate
    case 'metrics':
      return event.totalMs
    case 'sources':
      return event.sources.map(({ title, score }) => `${title} ${score}`).join()
    case 'knowledgeFailed':
    case 'audioFailed':
      return event.error.code
    case 'actionDetected':
      return event.action.type
    case 'done':
      return event.reply.text
  }
}
for await (const event of agent.turn({ text: 'hi' })) shown(event)

try {
  await agent.sessions.forUser('ada').get('x')
} catch (error) {
  if (error instanceof VoiceError && error.code === 'SESSION_NOT_FOUND') console.log(error.retryAfter?.toFixed())
  // @ts-expect-error: there is no such code.
  if (error instanceof VoiceError && error.code === 'SESION_NOT_FOUND') console.log()
}

const session: Session = await agent.sessions.create({ metadata: { order: 7 } })
setLogger({ log: ({ level, message, fields }) => console.log(level, message, fields) }, 'warn')
await models.fetch({ onProgress: (step) => step.type === 'downloading' && console.log(step.done / step.total) })

const house = await agent.accounts.createOrganization('House')
const { secret, user }: Registered = await agent.accounts.of(house.id).register('ann@example.com')
const caller: Principal = await agent.accounts.authenticate(secret)
const hers: VoiceAgent = agent.withPrincipal(caller)
const kept: StoredAssistant = await agent.assistants.of(house.id).create({ name: 'Mira', temperature: 0.5 })
const greeting = await hers.sessions.greet((await hers.sessions.create({ assistant: kept.id })).id)
const heard: Int16Array | undefined = greeting?.samples
const log: AuditEntry[] = (await agent.audit.entries({ organization: house.id, limit: 5 })).items
// @ts-expect-error: an assistant has no such field.
await agent.assistants.create({ name: 'Mira', temprature: 1 })
console.log(user.email, heard, log)

export const store: Partial<ConversationStore> = {
  session: ({ id }) => (id === session.id ? session : null),
  async messages({ sessionId, limit }, { signal }) {
    return { items: [], hasMore: sessionId.length + limit > 0 && signal.aborted }
  },
}
export { file, samples, seconds }
