export { registerMeasure } from './measure.ts'
