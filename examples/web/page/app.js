// A page to talk to: microphone → frames → one WebSocket → frames → speaker. What the messages hold is said by the JSON schema
// `docs/schema/live-wire.schema.json`.

const $ = (id) => document.getElementById(id)

/** What was seen and played, for whoever looks on: the tests do. */
const seen = { session: null, heard: {}, messages: [], pieces: [], actions: [], errors: [], ended: null }
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
    Object.assign(seen, { session, heard: {}, messages: [], pieces: [], actions: [], errors: [], ended: null })
    $('turns').textContent = 0
    $('outcome').hidden = true
    for (const id of ['actions', 'summary', 'points']) $(id).replaceChildren()
    if (chosenLanguage()) sayLanguage()
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
  transcript({ text, final: isFinal, language }) {
    // An answer of which nothing was heard is taken back when the user goes on: the words so far are said again, with more.
    if (speaking?.takenBack && text.startsWith(said.firstChild.textContent)) {
      if (interim !== said) interim?.remove()
      interim = said
    }
    interim ??= bubble('user')
    interim.firstChild.textContent = text
    interim.classList.toggle('interim', !isFinal)
    if (isFinal) {
      tell(interim, language)
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
      tell(turn.li, message.text_language)
      if (delay !== null) showDelay(turn.li, delay)
      if (interrupted) remark(turn.li, 'interrupted; this much was heard')
    }
    if (message.audio_error) note(message.audio_error.message)
    scroll()
  },
  'action-detected'({ action }) {
    seen.actions.push(action)
    const li = document.createElement('li')
    const details = Object.entries(action.details).map(([name, value]) => `${inWords(name)}: ${inWords(value)}`)
    li.append(inWords(action.type), small([...details, `${Math.round(action.confidence * 100)} % sure`].join(' · ')))
    $('actions').append(li)
    $('outcome').hidden = false
  },
  error({ error }) {
    seen.errors.push(error)
    note(`${error.code}: ${error.message}`)
  },
  'session-ended'(message) {
    seen.ended = message
    note(`Ended after ${Math.round(message.duration_ms / 1000)} s`)
    hangUp()
    if (settings.summary) sumUp(seen.session)
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
  const remarks = li.querySelector('small') ?? li.appendChild(small(''))
  if (remarks.textContent.split(' · ').includes(text)) return
  remarks.textContent = [remarks.textContent, text].filter(Boolean).join(' · ')
}

function small(text) {
  const element = document.createElement('small')
  element.textContent = text
  return element
}

/** Says in which language a bubble is, where there are several. */
function tell(li, language) {
  if (!language || settings.languages.length < 2) return
  li.lang = language
  remark(li, nameOf(language))
}

function nameOf(language) {
  const name = new Intl.DisplayNames([language], { type: 'language' }).of(language)
  return name[0].toLocaleUpperCase(language) + name.slice(1)
}

/** A name or a value of an action for people: `follow_up_visit` is `follow up visit`. */
function inWords(value) {
  return typeof value === 'string' ? value.replaceAll('_', ' ') : JSON.stringify(value)
}

/** Shows what a conversation came to. */
async function sumUp(session) {
  const answer = await fetch(`/api/v1/sessions/${session}/summary`)
  const summary = await answer.json()
  if (!answer.ok) return note(`${summary.code}: ${summary.message}`)
  if (!summary || seen.session !== session) return
  $('summary').textContent = summary.text
  $('points').replaceChildren(...summary.points.map((point) => Object.assign(document.createElement('li'), { textContent: point })))
  $('outcome').hidden = false
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

/** The orb moves with the agent's voice, or else with the user's; the waveform shows both for the last six seconds. */
function animate(to) {
  const wave = new Float32Array(to.loudness.fftSize)
  const bars = { agent: Array(120).fill(0), user: Array(120).fill(0) }
  let next = 0
  const draw = (now) => {
    if (connection !== to) return $('orb').style.setProperty('--size', 0)
    to.loudness.getFloatTimeDomainData(wave)
    const level = Math.sqrt(wave.reduce((sum, sample) => sum + sample * sample, 0) / wave.length)
    const agent = Math.min(1, level * 5)
    const user = $('level').value
    $('orb').style.setProperty('--size', Math.max(agent, document.body.dataset.user === 'speaking' ? user : 0))
    if (now >= next) {
      next = now + 50
      shift(bars.agent, agent, '#wave .agent')
      shift(bars.user, user, '#wave .user')
    }
    requestAnimationFrame(draw)
  }
  requestAnimationFrame(draw)
}

/** Puts one more bar at the end of half of the waveform. */
function shift(bars, height, selector) {
  bars.push(height)
  bars.shift()
  const line = (bar, at) => (bar < 0.02 ? '' : `M${2 * at + 1} ${20 - 18 * bar}V${20 + 18 * bar}`)
  document.querySelector(selector).setAttribute('d', bars.map(line).join(''))
}

// ---- what the user does

/** What the server offers: languages to choose from, and whether a conversation is summed up. */
const settings = { languages: [], summary: false }

fetch('settings').then(async (answer) => {
  Object.assign(settings, await answer.json())
  const choices = settings.languages.length > 1 ? ['', ...settings.languages] : []
  $('languages').append(...choices.map(choice))
  $('languages').hidden = choices.length === 0
})

/** One language to choose; the first, which is none, has it detected. */
function choice(language) {
  const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'language', value: language, checked: !language })
  radio.onchange = sayLanguage
  const label = document.createElement('label')
  label.append(radio, language ? nameOf(language) : 'Detect')
  return label
}

function chosenLanguage() {
  return document.querySelector('#languages :checked')?.value
}

function sayLanguage() {
  connection?.say({ type: 'language', language: chosenLanguage() || null })
}

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
