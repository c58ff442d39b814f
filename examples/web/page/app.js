// A page to talk to: microphone → frames → one WebSocket → frames → speaker. What the messages hold is said by the JSON schema
// `docs/schema/live-wire.schema.json`.

const $ = (id) => document.getElementById(id)

/** What was seen and played, for whoever looks on: the tests do. */
const seen = { session: null, heard: {}, messages: [], pieces: [], errors: [], ended: null }
window.conversation = seen

let connection

async function connect() {
  const context = new AudioContext({ latencyHint: 'interactive' })
  await context.audioWorklet.addModule('worklets.js')
  const speaker = new AudioWorkletNode(context, 'speaker', { numberOfInputs: 0, outputChannelCount: [1] })
  const loudness = new AnalyserNode(context, { fftSize: 512 })
  speaker.connect(loudness).connect(context.destination)
  await context.resume()

  // Both directions at the rate of the sound card: nothing is converted here.
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const socket = new WebSocket(`${scheme}://${location.host}/live?rate=${context.sampleRate}`)
  socket.binaryType = 'arraybuffer'
  const say = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message))

  speaker.port.onmessage = ({ data: position }) => {
    say({ type: 'playback', position })
    played(position)
  }
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') return receive(JSON.parse(data), speaker)
    const position = Number(new DataView(data).getBigUint64(0, true))
    speaker.port.postMessage({ position, samples: new Int16Array(data, 8) })
  }
  socket.onclose = () => hangUp(seen.ended ? undefined : 'The connection was lost')

  connection = { context, socket, say, loudness, microphone: undefined }
  await listen(connection)
  animate(connection)
}

/** Connects the microphone. Without one the page still talks to those who type. */
async function listen(to) {
  try {
    const constraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 }
    to.microphone = await navigator.mediaDevices.getUserMedia({ audio: constraints })
  } catch {
    return note('No microphone: type instead.')
  }
  const cutter = new AudioWorkletNode(to.context, 'microphone', { numberOfOutputs: 0 })
  cutter.port.onmessage = ({ data: frame }) => {
    if (to.socket.readyState === WebSocket.OPEN) to.socket.send(frame)
    $('level').value = Math.min(1, 4 * loudest(new Int16Array(frame)) / 32_768)
  }
  to.context.createMediaStreamSource(to.microphone).connect(cutter)
}

function loudest(samples) {
  return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
}

function hangUp(why) {
  if (!connection) return
  const { context, socket, microphone } = connection
  connection = undefined
  socket.onclose = null
  socket.close()
  microphone?.getTracks().forEach((track) => track.stop())
  context.close()
  document.body.dataset.agent = 'off'
  document.body.dataset.user = 'listening'
  interim?.remove()
  interim = said = speaking = undefined
  $('level').value = 0
  enable(false)
  status(why ?? 'Not connected', Boolean(why))
  $('who').textContent = 'Press start and say something.'
}

// ---- what the server says

/** The agent's bubbles by turn, the turn that was begun last, and the user's words: the last ones, and those that are not final yet. */
const bubbles = new Map()
let speaking
let said
let interim
const delays = []

const WHO = { listening: 'Listening…', thinking: 'Thinking…', speaking: 'Speaking. Talk over it if you like.' }

const handlers = {
  connected({ session_id: session }) {
    Object.assign(seen, { session, heard: {}, messages: [], pieces: [], errors: [], ended: null })
    $('turns').textContent = 0
    status('Connected')
    enable(true)
    agentIs('listening')
  },
  'user-state'({ state }) {
    document.body.dataset.user = state
    if (state === 'speaking') $('who').textContent = 'You are speaking.'
    else agentIs(document.body.dataset.agent)
  },
  'agent-state'({ state }) {
    agentIs(state)
  },
  transcript({ text, final: isFinal }) {
    // An answer of which nothing was heard is taken back when the user goes on: the words so far are said again, with more.
    if (speaking?.takenBack && text.startsWith(said.firstChild.textContent)) {
      if (interim !== said) interim?.remove()
      interim = said
    }
    interim ??= bubble('user')
    interim.firstChild.textContent = text
    interim.classList.toggle('interim', !isFinal)
    if (isFinal) {
      said = interim
      interim = undefined
    }
    scroll()
  },
  'assistant-started'({ turn_id: turn }) {
    speaking = { turn, li: undefined, takenBack: false, done: false }
    bubbles.set(turn, speaking)
  },
  interrupted({ turn_id: turn, heard }) {
    if (speaking?.turn === turn) speaking.takenBack = heard === '' && said !== undefined
  },
  speaking({ text, filler, position }) {
    seen.pieces.push({ turn: speaking?.turn, text, filler, position, shown: false })
  },
  clear(_message, speaker) {
    speaker.port.postMessage('clear')
  },
  'false-interruption'() {
    forget()
  },
  backchannel({ text }) {
    forget()
    note(`“${text}”`)
  },
  'tool-call'({ name }) {
    note(`Calling ${name}…`)
  },
  'assistant-message'(message) {
    seen.messages.push(message)
    $('turns').textContent = seen.messages.length
    const { text, interrupted, response_delay_ms: delay } = message
    const turn = bubbles.get(message.turn_id)
    if (turn) Object.assign(turn, { takenBack: false, done: true })
    if (turn?.li && !text) turn.li.remove()
    if (text && turn) {
      turn.li ??= bubble('agent')
      turn.li.firstChild.textContent = text
      turn.li.classList.toggle('cut', interrupted)
      if (delay !== null) showDelay(turn.li, delay)
      if (interrupted) remark(turn.li, 'interrupted; this much was heard')
    }
    if (message.audio_error) note(message.audio_error.message)
    scroll()
  },
  error({ error }) {
    seen.errors.push(error)
    note(`${error.code}: ${error.message}`)
  },
  'session-ended'(message) {
    seen.ended = message
    note(`Ended after ${Math.round(message.duration_ms / 1000)} s`)
    hangUp()
  },
}

/** Takes words away that came to nothing. */
function forget() {
  if (interim !== said) interim?.remove()
  interim = undefined
}

function receive(message, speaker) {
  handlers[message.type]?.(message, speaker)
}

function agentIs(state) {
  document.body.dataset.agent = state
  $('who').textContent = WHO[state] ?? ''
  $('interrupt').disabled = state !== 'speaking' && state !== 'thinking'
}

/** Notes how far a turn was played, and shows the words whose sound has begun. */
function played(position) {
  for (const piece of seen.pieces) {
    const turn = bubbles.get(piece.turn)
    if (piece.position >= position || !turn) continue
    if (piece === seen.pieces.findLast((begun) => begun.position < position)) seen.heard[piece.turn] = position
    // The words of a turn that is over are those of its message.
    if (piece.shown || turn.done) continue
    piece.shown = true
    turn.li ??= bubble('agent')
    turn.li.firstChild.textContent = `${turn.li.firstChild.textContent} ${piece.text}`.trim()
    scroll()
  }
}

// ---- what is shown

function bubble(kind) {
  const li = document.createElement('li')
  li.className = kind
  li.append(document.createTextNode(''))
  $('transcript').append(li)
  return li
}

function note(text) {
  bubble('note').firstChild.textContent = text
  scroll()
}

function remark(li, text) {
  const small = li.querySelector('small') ?? li.appendChild(document.createElement('small'))
  small.textContent = [small.textContent, text].filter(Boolean).join(' · ')
}

function showDelay(li, delay) {
  const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`
  delays.push(delay)
  $('delay').textContent = seconds(delay)
  $('typical').textContent = seconds(delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)])
  remark(li, `first sound after ${seconds(delay)}`)
}

function status(text, warn = false) {
  $('status').textContent = text
  $('status').classList.toggle('warn', warn)
}

function enable(on) {
  for (const id of ['text', 'send']) $(id).disabled = !on
  if (!on) $('interrupt').disabled = true
  $('toggle').textContent = on ? 'End' : 'Start'
  $('toggle').disabled = false
}

function scroll() {
  $('transcript').scrollTop = $('transcript').scrollHeight
}

/** The orb moves with the agent's voice, or else with the user's. */
function animate(to) {
  const wave = new Float32Array(to.loudness.fftSize)
  const draw = () => {
    if (connection !== to) return $('orb').style.setProperty('--size', 0)
    to.loudness.getFloatTimeDomainData(wave)
    const level = Math.sqrt(wave.reduce((sum, sample) => sum + sample * sample, 0) / wave.length)
    const user = document.body.dataset.user === 'speaking' ? $('level').value : 0
    $('orb').style.setProperty('--size', Math.max(Math.min(1, level * 5), user))
    requestAnimationFrame(draw)
  }
  draw()
}

// ---- what the user does

$('toggle').onclick = async () => {
  if (connection) return connection.say({ type: 'end-session' })
  $('toggle').disabled = true
  status('Connecting…')
  try {
    await connect()
  } catch (error) {
    hangUp()
    enable(false)
    status(error.message, true)
  }
}

$('interrupt').onclick = () => connection?.say({ type: 'interrupt' })

$('composer').onsubmit = (event) => {
  event.preventDefault()
  const text = $('text').value.trim()
  if (!text) return
  connection?.say({ type: 'user-message', text })
  $('text').value = ''
}
