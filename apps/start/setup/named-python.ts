/** An interpreter that the user names: it must have what the trainer imports, or a run fails in the middle. */
import { runCommand } from './command.ts'
import { SetupError } from './errors.ts'

const PROBE = `
import importlib.util, sys
missing = [name for name in ("torch", "transformers", "peft", "safetensors") if importlib.util.find_spec(name) is None]
print("missing", *missing)
`

/** Throws {@link SetupError} `python-missing`. */
export async function requireTrainerPackages(python: string): Promise<void> {
  const { status, stdout } = await runCommand(python, ['-I', '-c', PROBE], { timeoutMs: 20_000 })
  const [word, ...missing] = stdout.trim().split(' ')
  if (status === 0 && word === 'missing' && missing.length === 0) return
  const found = status === 0 && word === 'missing' ? `has no ${missing.join(', ')}` : 'is no Python that runs'
  throw new SetupError(
    'python-missing',
    `${python} ${found}: install trainer/requirements.txt into it, or leave --python out.`,
  )
}
