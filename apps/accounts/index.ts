export { registerAccounts } from './command.ts'
