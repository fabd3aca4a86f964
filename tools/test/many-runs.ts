/** Loaded before each test file of `npm run test:long`: properties that name no number of runs get this many. */
import fc from 'fast-check'

fc.configureGlobal({ numRuns: 1000 })
