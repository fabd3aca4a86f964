export { registerFidelity } from './command.ts'
