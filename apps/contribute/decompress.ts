/** What Parquet files are packed with, unpacked within the size that they announce. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Decompress } from '#contributing'

export const decompress: Decompress = (codec, bytes, length) => {
  switch (codec) {
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: length })
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength: length })
    default:
      return codec satisfies never
  }
}
