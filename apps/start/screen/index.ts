export { createScreen, type Progress, type Report, type Screen, type ScreenOptions } from './screen.ts'
export { formatBytes } from './units.ts'
