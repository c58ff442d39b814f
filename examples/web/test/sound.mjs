// Parts of recordings as files of their own.

/** The samples of a WAV file (16 bits, one channel) between two times in seconds. */
export function clip(file, from, to) {
  let at = 12
  let rate
  for (;;) {
    const [name, size] = [file.toString('latin1', at, at + 4), file.readUInt32LE(at + 4)]
    if (name === 'fmt ') rate = file.readUInt32LE(at + 12)
    if (name === 'data') {
      const place = (seconds) => at + 8 + 2 * Math.round(seconds * rate)
      return { rate, samples: file.subarray(place(from), Math.min(place(to), at + 8 + size)) }
    }
    at += 8 + size + (size % 2)
  }
}

/** A WAV file with seconds of silence around the samples. */
export function wav({ rate, samples }, { before = 0, after = 0 }) {
  const silence = (seconds) => Buffer.alloc(2 * Math.round(seconds * rate))
  const sound = Buffer.concat([silence(before), samples, silence(after)])
  const head = Buffer.alloc(44)
  head.write('RIFF')
  head.writeUInt32LE(36 + sound.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate * 2, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(sound.length, 40)
  return Buffer.concat([head, sound])
}
