export { openLlama, type LlamaOptions } from './engine.ts'
