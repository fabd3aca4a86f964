export * from './events.ts'
export * from './grading.ts'
export * from './job.ts'
export * from './model-files.ts'
