// An Electron app that talks in its main process and in a window that is loaded three times; VOICE_CORE_PACKAGE is the package's folder.
// Exits with 1 when anything is not as it should be.
const { app, BrowserWindow } = require('electron')
const EventEmitter = require('events')
const path = require('path')

if (globalThis.AbortController === undefined) {
  // Node 12 has none; a window has.
  globalThis.AbortController = class {
    constructor() {
      const { on: addEventListener, off: removeEventListener } = EventEmitter.prototype
      this.signal = Object.assign(new EventEmitter(), { aborted: false, addEventListener, removeEventListener })
    }

    abort() {
      this.signal.aborted = true
      this.signal.emit('abort')
    }
  }
}

/** Holds `turns` turns with providers of the host, and has one refused. It is sent to the window as text: it refers to nothing here. */
async function talk(folder, turns) {
  const { VoiceAgent } = require(folder)
  const sound = { samples: new Int16Array(160).fill(1000), sampleRate: 16000 }
  const hosts = { stt: { transcribe: () => 'hi' }, llm: { generate: () => 'Yes.' }, tts: { synthesize: () => sound } }
  const agent = await VoiceAgent.create(Object.assign(hosts, { storage: 'memory' }))
  for (let turn = 0; turn < turns; turn += 1) {
    const reply = await agent.converse({ samples: Int16Array.from({ length: 1600 }, (_, n) => (n % 80 < 40 ? 8000 : -8000)), sampleRate: 16000 })
    const said = `${reply.transcript} ${reply.text} ${reply.audio.pcm.length}`
    if (said !== 'hi Yes. 320') throw new Error(`turn ${turn}: ${said}`)
  }
  const code = await agent.converse({ text: '' }).then(() => 'none', (error) => error.code)
  if (code !== 'VALIDATION_ERROR') throw new Error(`an empty text is refused with ${code}`)
  await agent.close()
  return `${turns} turns`
}

async function everywhere() {
  const folder = process.env.VOICE_CORE_PACKAGE
  const turns = 200
  const told = [`main process: ${await talk(folder, turns)}`]
  const window = new BrowserWindow({ show: false, webPreferences: { nodeIntegration: true, contextIsolation: false } })
  const gone = new Promise((_, reject) => {
    window.webContents.once('render-process-gone', (_event, details) => reject(new Error(`the window is gone: ${details.reason}`)))
  })
  for (let load = 1; load <= 3; load += 1) {
    // Loading anew ends the environment that the addon lived in.
    await window.loadURL(`file://${path.join(__dirname, 'page.html')}`)
    const call = `(${talk})(${JSON.stringify(folder)}, ${turns})`
    told.push(`window, load ${load}: ${await Promise.race([window.webContents.executeJavaScript(call), gone])}`)
  }
  return told.join('\n')
}

app
  .whenReady()
  .then(everywhere)
  .then(
    (told) => {
      console.log(`Electron ${process.versions.electron}\n${told}`)
      app.exit(0)
    },
    (error) => {
      console.error(error)
      app.exit(1)
    },
  )
