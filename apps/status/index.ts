export { registerStatusCommand } from './command.ts'
