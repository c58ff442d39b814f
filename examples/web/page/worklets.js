// The two ends of the sound, on the browser's audio thread.

/** Cuts the microphone's sound into frames of 20 ms of 16-bit samples. */
class Microphone extends AudioWorkletProcessor {
  #frame = this.#fresh()
  #filled = 0

  #fresh() {
    return new Int16Array(Math.round(sampleRate / 50))
  }

  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.#frame[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 32_767
      if (this.#filled === this.#frame.length) {
        this.port.postMessage(this.#frame.buffer, [this.#frame.buffer])
        this.#frame = this.#fresh()
        this.#filled = 0
      }
    }
    return true
  }
}

/** Plays frames, each of which says where it belongs, and tells up to which position it has played. */
class Speaker extends AudioWorkletProcessor {
  #queue = []
  /** How many samples of the first frame were played. */
  #offset = 0
  #position = 0
  #told = 0

  constructor() {
    super()
    this.port.onmessage = ({ data }) => {
      if (data !== 'clear') return void this.#queue.push(data)
      this.#queue = []
      this.#offset = 0
      this.#tell()
    }
  }

  #tell() {
    if (this.#position === this.#told) return
    this.#told = this.#position
    this.port.postMessage(this.#position)
  }

  process(_inputs, [[out]]) {
    let at = 0
    while (at < out.length && this.#queue.length > 0) {
      const { position, samples } = this.#queue[0]
      const count = Math.min(out.length - at, samples.length - this.#offset)
      for (let i = 0; i < count; i += 1) out[at + i] = samples[this.#offset + i] / 32_768
      at += count
      this.#offset += count
      this.#position = position + this.#offset
      if (this.#offset === samples.length) {
        this.#queue.shift()
        this.#offset = 0
      }
    }
    // Twenty times a second, and at once when there is nothing more to play.
    if (this.#queue.length === 0 || Math.abs(this.#position - this.#told) > sampleRate / 20) this.#tell()
    return true
  }
}

registerProcessor('microphone', Microphone)
registerProcessor('speaker', Speaker)
