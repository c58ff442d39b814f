// A voice agent behind a REST interface: users with keys, their sessions, and spoken turns by upload.
//
// VOICE_CONFIG names the config document (JSON), VOICE_ADDRESS where to listen. Without them the models are local, conversations
// are kept in an SQLite file in the user's data folder, and the server is at http://127.0.0.1:3000.
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'

import express from 'express'
import multer from 'multer'
import { VoiceAgent, VoiceError } from 'voice-core'

const ORGANIZATION = 'voice-agent-api'
const LARGEST_UPLOAD = 25 * 1024 * 1024

/** The application over an agent. */
export async function application(agent) {
  const known = await agent.accounts.organizations({ limit: 100 })
  const mine = known.items.find(({ name }) => name === ORGANIZATION)
  // To which everybody who registers belongs.
  const { id: organization } = mine ?? (await agent.accounts.createOrganization(ORGANIZATION))

  const app = express()
  app.use(express.json({ limit: '64kb' }))
  const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: LARGEST_UPLOAD, files: 1, fields: 8 } })

  const authenticated = async (request, response, next) => {
    const header = request.headers.authorization ?? ''
    if (!header.startsWith('Bearer ')) {
      throw new VoiceError('Missing or invalid authorization header', { code: 'UNAUTHORIZED', httpStatus: 401 })
    }
    request.agent = agent.withPrincipal(await agent.accounts.authenticate(header.slice('Bearer '.length)))
    next()
  }

  app.get('/api/v1/health', (request, response) => {
    response.json({ status: 'ok', timestamp: new Date().toISOString(), service: ORGANIZATION })
  })

  app.post('/api/v1/users/register', async (request, response) => {
    const { user, secret } = await agent.accounts.of(organization).register(text(request.body, 'email'))
    const message = 'API key created. Save this key securely - it will not be shown again.'
    response.status(201).json({ userId: user.id, apiKey: secret, message })
  })

  app.post('/api/v1/auth/login', async (request, response) => {
    const key = text(request.body, 'apiKey')
    const { user } = await agent.accounts.logIn(key)
    response.json({ token: key, userId: user?.id ?? null, email: user?.email ?? null })
  })

  app.post('/api/v1/sessions', authenticated, async (request, response) => {
    const { id, createdAt } = await request.agent.sessions.create()
    response.status(201).json({ sessionId: id, createdAt })
  })

  app.get('/api/v1/sessions/:id', authenticated, async (request, response) => {
    const { id, user, createdAt, lastActivityAt } = await request.agent.sessions.get(request.params.id)
    response.json({ session: { id, userId: user, createdAt, lastActivityAt } })
  })

  app.get('/api/v1/sessions/:id/messages', authenticated, async (request, response) => {
    const limit = Math.min(Math.max(Number.parseInt(request.query.limit, 10) || 20, 1), 100)
    const { items } = await request.agent.sessions.history(request.params.id, { limit })
    response.json({ messages: items.map(({ role, content, createdAt }) => ({ role, content, createdAt })) })
  })

  app.post('/api/v1/voice/conversation', authenticated, upload.single('audio'), async (request, response) => {
    if (!request.file) throw new VoiceError('Audio file is required', { code: 'VALIDATION_ERROR', httpStatus: 400 })
    // A caller that goes away cancels the turn: nothing is stored then.
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const options = { sessionId: request.body.sessionId || undefined, signal: gone.signal }
    const reply = await request.agent.converse(request.file.buffer, options)
    if (reply.audioError) throw reply.audioError
    const sound = await reply.audio.encode('mp3')
    response.set({ 'X-Session-Id': reply.sessionId, 'X-Transcript': header(reply.transcript) })
    response.type('audio/mpeg').send(sound)
  })

  app.use((request, response) => failure(response, 404, 'INVALID_REQUEST', 'Not Found'))

  app.use((error, request, response, next) => {
    if (response.headersSent) return next(error)
    if (error instanceof VoiceError) {
      if (error.retryAfter !== undefined) response.set('Retry-After', String(Math.max(1, Math.ceil(error.retryAfter / 1000))))
      return failure(response, error.httpStatus ?? 500, error.code, error.message)
    }
    if (error.code === 'LIMIT_FILE_SIZE') {
      return failure(response, 400, 'VALIDATION_ERROR', 'Audio file too large (max 25MB)')
    }
    // What Express and multer refuse has a status, or is the upload's own fault.
    const refused = error instanceof multer.MulterError || (error.status >= 400 && error.status < 500)
    if (refused) return failure(response, 400, 'VALIDATION_ERROR', error.message)
    console.error(error)
    return failure(response, 500, 'INTERNAL_ERROR', 'Internal server error')
  })
  return app
}

function failure(response, status, error, message) {
  response.status(status).json({ error, message })
}

/** A text that the body must have. */
function text(body, name) {
  const value = body?.[name]
  if (typeof value === 'string') return value
  throw new VoiceError(`${name}: Field required`, { code: 'VALIDATION_ERROR', httpStatus: 400 })
}

/** A header holds ASCII: anything else, and the sign of escapes itself, is written as in an address. */
function header(words) {
  return words.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]/gu, encodeURIComponent)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const config = process.env.VOICE_CONFIG
  const agent = await VoiceAgent.create(config ? JSON.parse(await readFile(config, 'utf8')) : {})
  const address = new URL(`http://${process.env.VOICE_ADDRESS ?? '127.0.0.1:3000'}`)
  const server = (await application(agent)).listen(Number(address.port || 80), address.hostname, () => {
    console.log(`listening on ${address.hostname}:${server.address().port}`)
  })
  const stop = () => server.close(() => agent.close())
  process.once('SIGINT', stop).once('SIGTERM', stop)
}
