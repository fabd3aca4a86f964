/**
 * A trained model's files, and the OpenSSF model-signing statement over them.
 *
 * The files arrive as one uncompressed USTAR archive (spec/trainer-job.md §result); only plain files with
 * plain names are taken out of it.
 */
import { decodeUtf8, sha256Hex, type Bytes } from '#bytes'
import type { Envelope } from '#seal'
import { modelDigest, type FileEntry } from '#statements'

export interface ModelFile extends FileEntry {
  readonly bytes: Bytes
}

const BLOCK = 512

/** Throws `TypeError` where the archive is not a plain sequence of files. */
export function readArchive(archive: Uint8Array): ModelFile[] {
  const files: ModelFile[] = []
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK)
    if (header.every((byte) => byte === 0)) return files
    const name = field(header, 0, 100)
    const size = Number.parseInt(field(header, 124, 12), 8)
    const type = String.fromCharCode(header[156] ?? 0)
    if (
      !/^[A-Za-z0-9._-]{1,100}$/.test(name) ||
      !Number.isSafeInteger(size) ||
      (type !== '0' && type !== '\0')
    ) {
      throw new TypeError('the archive holds something else than plain files')
    }
    const start = at + BLOCK
    if (start + size > archive.length) throw new TypeError('the archive is cut off')
    const bytes = archive.slice(start, start + size)
    files.push({ name, sha256: sha256Hex(bytes), size, bytes })
    at = start + Math.ceil(size / BLOCK) * BLOCK
  }
  throw new TypeError('the archive has no end')
}

function field(header: Uint8Array, from: number, length: number): string {
  const bytes = header.subarray(from, from + length)
  const end = bytes.indexOf(0)
  return decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end)).trim()
}

/** The in-toto statement that OpenSSF model signing (v1.0) puts over a model's files. */
export function modelSigningStatement(name: string, files: readonly FileEntry[]): Record<string, unknown> {
  const sorted = [...files].sort((left, right) => (left.name < right.name ? -1 : 1))
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: modelDigest(files) } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: {
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [] },
      resources: sorted.map((file) => ({ name: file.name, algorithm: 'sha256', digest: file.sha256 })),
    },
  }
}

/** The signed statement in the Sigstore bundle that OpenSSF model signing writes as `model.sig`. */
export function modelSigningBundle(envelope: Envelope): Record<string, unknown> {
  const { payload, payloadType, signatures } = envelope
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: signatures[0]?.keyid ?? '' }, tlogEntries: [] },
    dsseEnvelope: { payload, payloadType, signatures },
  }
}
