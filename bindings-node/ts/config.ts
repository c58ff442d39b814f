export interface Config { stt?: string | string[]; llm?: string | string[]; tts?: string|string[]; storage?: string }
