/** The sealed file on its way, resumable (tus 1.0.0). */
import { Upload } from 'tus-js-client'
import { ContributeError } from './errors.ts'
import type { Report } from './ports.ts'

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
  report: Report,
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      new Upload(Buffer.from(sealed), {
        endpoint: `${nodeUrl}${place.endpoint}`,
        uploadUrl: `${nodeUrl}${place.url}`,
        metadata: { upload: place.id },
        chunkSize: 4 * 1024 * 1024,
        retryDelays: [200, 1000, 3000, 5000],
        onProgress: (done, total) => report({ done, total, unit: 'bytes' }),
        onSuccess: () => resolve(),
        onError: reject,
      }).start()
    })
  } catch {
    throw new ContributeError(
      1,
      'The upload stopped. Run the same command again: it goes on where it stopped.',
    )
  }
}
