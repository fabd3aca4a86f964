export { SetupError, type SetupErrorCode } from './errors.ts'
export { preflight, type Preflight, type PreflightOptions } from './preflight.ts'
export { ensurePython, type EnsurePythonOptions } from './python.ts'
export { baseModel, ensureWeights, type EnsureWeightsOptions } from './weights.ts'
