/** The sealed file on its way: resumable (tus 1.0.0), with a bar for people and plain lines for everything else. */
import { progress } from '@clack/prompts'
import { Upload } from 'tus-js-client'
import { ContributeError } from './errors.ts'
import type { ContributePorts } from './ports.ts'

export interface UploadPlace {
  readonly id: string
  readonly endpoint: string
  readonly url: string
}

/** Goes on where an earlier run stopped. Throws {@link ContributeError} after its own tries. */
export async function sendSealed(
  nodeUrl: string,
  place: UploadPlace,
  sealed: Uint8Array,
  ports: Pick<ContributePorts, 'say' | 'interactive' | 'now'>,
): Promise<void> {
  const meter = createMeter(ports)
  try {
    await new Promise<void>((resolve, reject) => {
      new Upload(Buffer.from(sealed), {
        endpoint: `${nodeUrl}${place.endpoint}`,
        uploadUrl: `${nodeUrl}${place.url}`,
        metadata: { upload: place.id },
        chunkSize: 4 * 1024 * 1024,
        retryDelays: [200, 1000, 3000, 5000],
        onProgress: (sent, total) => meter.show(sent, total),
        onSuccess: () => resolve(),
        onError: reject,
      }).start()
    })
    meter.end()
  } catch {
    meter.end()
    throw new ContributeError(
      1,
      'The upload stopped. Run the same command again: it goes on where it stopped.',
    )
  }
}

function createMeter({ say, interactive, now }: Pick<ContributePorts, 'say' | 'interactive' | 'now'>) {
  const started = now().getTime()
  const bar = interactive ? progress({ max: 100, output: process.stderr }) : undefined
  bar?.start('Uploading')
  let shown = 0
  return {
    show(sent: number, total: number) {
      const percent = Math.floor((100 * sent) / total)
      if (bar !== undefined)
        bar.advance(percent - shown, describeUpload(sent, total, now().getTime() - started))
      else if (percent >= shown + 25 && percent < 100)
        say(describeUpload(sent, total, now().getTime() - started))
      else return
      shown = percent
    },
    end() {
      bar?.stop('Uploaded')
    },
  }
}

/** `Uploading 42 % · 1.2 MB/s · 3 s left`; without a rate while none is known. */
export function describeUpload(sent: number, total: number, elapsedMs: number): string {
  const percent = `Uploading ${Math.floor((100 * sent) / total)} %`
  if (elapsedMs < 500 || sent === 0) return percent
  const rate = sent / (elapsedMs / 1000)
  return `${percent} · ${(rate / 1e6).toPrecision(2)} MB/s · ${Math.ceil((total - sent) / rate)} s left`
}
