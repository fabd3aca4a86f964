export { registerDoctor } from './command.ts'
