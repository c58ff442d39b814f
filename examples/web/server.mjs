// A page to talk to, served with node:http and ws. Offline: the models are local ones, fetched with `npx voice-core models fetch`.
// Another agent is a document: `--config interpreter.json` serves an interpreter between two languages.
//
//   npm install voice-core ws
//   node server.mjs            # then open http://127.0.0.1:8080
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'

import { VoiceAgent, VoiceError } from 'voice-core'
import { WebSocketServer } from 'ws'

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    storage: { type: 'string', default: 'memory' },
    config: { type: 'string' },
    languages: { type: 'string' },
  },
})
const PAGES = { '/': 'index.html', '/app.js': 'app.js', '/worklets.js': 'worklets.js', '/style.css': 'style.css' }
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css' }
const OFFLINE = {
  stt: 'local',
  llm: 'local',
  tts: 'local',
  assistant: { first_message: 'Hello! What would you like to talk about?', max_tokens: 60 },
}

const config = options.config ? JSON.parse(await readFile(options.config, 'utf8')) : OFFLINE
const interpreter = config.assistant?.interpreter
// What the page offers: which languages to choose from, and whether a conversation is summed up at its end.
const SETTINGS = {
  languages: options.languages?.split(',') ?? (interpreter ? (interpreter.languages ?? ['en', 'es']) : []),
  summary: Boolean(config.actions),
}
const agent = await VoiceAgent.create({ storage: options.storage, ...config })
await agent.warmUp()

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error)
    if (response.headersSent) return response.destroy()
    answer(response, [500, { code: 'INTERNAL_ERROR', message: 'the server failed' }])
  })
})

/** What a request asks for; `undefined`: it cannot be read. */
function asked({ url }) {
  return URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : undefined
}

async function serve(request, response) {
  const pathname = asked(request)?.pathname
  if (pathname === '/settings') return answer(response, [200, SETTINGS])
  const [, session, what] = /^\/api\/v1\/sessions\/([^/]+)\/(messages|summary)$/.exec(pathname) ?? []
  if (session) return answer(response, await stored(session, what))
  const name = PAGES[pathname]
  if (!name) return answer(response, [404, { code: 'INVALID_REQUEST', message: 'there is no such page' }])
  const type = TYPES[name.split('.').at(-1)]
  response.writeHead(200, { 'content-type': type }).end(await readFile(new URL(`page/${name}`, import.meta.url)))
}

function answer(response, [status, body]) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** What is stored of a conversation, or what it came to. */
async function stored(session, what) {
  try {
    if (what === 'summary') return [200, (await agent.sessions.summary(session)) ?? null]
    const history = await agent.sessions.history(session)
    return [200, history.items.map(({ role, content }) => ({ role, content }))]
  } catch (error) {
    if (error instanceof VoiceError) return [error.httpStatus, { code: error.code, message: error.message }]
    throw error
  }
}

const sockets = new WebSocketServer({ noServer: true, maxPayload: 1 << 20 })

server.on('upgrade', (request, socket, head) => {
  const url = asked(request)
  const { origin, host } = request.headers
  if (url?.pathname !== '/live') return refuse(socket, 404)
  // Only this server's own page may open a conversation: browsers let any page connect anywhere, but say which one it is.
  const own = !origin || (URL.canParse(origin) && new URL(origin).host === host)
  if (!own) return refuse(socket, 403)
  const rate = Number(url.searchParams.get('rate') ?? 16_000)
  sockets.handleUpgrade(request, socket, head, (client) => converse(client, rate))
})

function refuse(socket, status) {
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`)
}

/** One conversation: every message of the socket goes into the session, every frame of the session out of it. */
async function converse(client, rate) {
  client.on('error', () => client.terminate())
  // What comes before the session is there waits.
  client.pause()
  try {
    const starting = agent.live({ inputRate: rate, outputRate: rate })
    // What was heard is stored.
    client.on('close', () => starting.then((session) => session.end()).catch(() => {}))
    const wire = (await starting).wire()
    client.on('message', (data, isBinary) => wire.receive(isBinary ? data : data.toString()))
    client.resume()
    // A client that takes nothing is waited for: the session holds its sound back, and ends if that lasts.
    for await (const frame of wire) await new Promise((sent) => client.send(frame, sent))
    client.close()
  } catch (error) {
    client.close(1011, error.code)
    client.resume()
  }
}

async function close() {
  sockets.clients.forEach((client) => client.terminate())
  server.close()
  await agent.close()
}
process.once('SIGINT', close).once('SIGTERM', close)

server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
