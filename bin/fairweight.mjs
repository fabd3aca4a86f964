#!/usr/bin/env node
/** The `fairweight` command: finds a Node that can run it, then hands over to apps/cli. */
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'

await run(fileURLToPath(new URL('../apps/cli/main.ts', import.meta.url)), process.argv.slice(2))
